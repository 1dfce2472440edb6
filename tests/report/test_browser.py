"""The page in a real browser: figures are drawn, tables react, nothing is complained about, nothing is fetched."""

import html
import json
import re
import shutil
import subprocess

import pytest

pytestmark = pytest.mark.browser

USE = """<script>
const table = document.querySelector('figure.table table');
const column = name => [...table.tHead.rows[0].cells].find(head => head.textContent === name);
const read = name => [...table.tBodies[0].rows].filter(row => !row.hidden)
  .map(row => row.cells[column(name).cellIndex].textContent);
const said = {all: read('method')};
column('PGR').click(); said.down = read('PGR');
column('PGR').click(); said.up = read('PGR');
const choose = (field, value) => {
  const filter = document.querySelector(`[data-filter=${field}]`);
  filter.value = value; filter.dispatchEvent(new Event('change'));
};
choose('method', 'confidence'); said.chosen = read('method');
said.csv = csv(table); said.latex = latex(table);
choose('method', ''); choose('task', 'flat');
said.tasks = [...new Set([...document.querySelectorAll('tr[data-task]')].filter(row => !row.hidden)
  .map(row => row.dataset.task))];
const place = document.createElement('pre');
place.id = 'said'; place.textContent = JSON.stringify(said); document.body.append(place);
</script>"""


def opened(page):
    """The document after its scripts ran, and what the browser logged."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert chromium, "install chromium to run the browser tests"
    found = subprocess.run(
        [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--dump-dom",
         "--virtual-time-budget=8000", "--host-resolver-rules=MAP * ~NOTFOUND", page.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert ":CONSOLE" not in found.stderr
    return found.stdout


def test_figures_are_drawn_from_a_file_without_a_network(built):
    page = opened(built[1] / "report.html")
    assert page.count("vega-embed has-actions") == len(list((built[1] / "figures").glob("*.svg"))) == 8


def test_tables_are_sorted_filtered_and_copied(built, tmp_path):
    page = tmp_path / "page.html"
    page.write_text((built[1] / "report.html").read_text() + USE)
    said = json.loads(html.unescape(re.search('<pre id="said">(.*?)</pre>', opened(page), re.DOTALL)[1]))
    assert set(said["all"]) == {"naive", "confidence", "naive, control (not pretrained)"}
    values = [float(value) for value in said["down"] if value != "–"]
    assert values == sorted(values, reverse=True)
    assert [float(value) for value in said["up"] if value != "–"] == values[::-1]
    assert said["down"][-1] == said["up"][-1] == "–"  # undefined numbers stand last either way
    assert set(said["chosen"]) == {"confidence"}
    head, *rows = said["csv"].splitlines()
    assert head.startswith("pair,method,weak,student,ceiling,PGR,95% these tasks,median")
    assert len(rows) == len(said["chosen"])
    assert "95\\% these tasks & median" in said["latex"]
    assert "xs $\\to$ l & confidence & " in said["latex"]
    assert said["latex"].count("\\\\") == 1 + len(rows)
    assert said["tasks"] == ["flat"]
