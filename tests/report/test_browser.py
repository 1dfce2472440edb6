"""The page in a real browser: figures are drawn, nothing is complained about, nothing is fetched."""

import shutil
import subprocess

import pytest

pytestmark = pytest.mark.browser


def test_figures_are_drawn_from_a_file_without_a_network(built):
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert chromium, "install chromium to run the browser tests"
    found = subprocess.run(
        [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--dump-dom",
         "--virtual-time-budget=8000", "--host-resolver-rules=MAP * ~NOTFOUND",
         (built[1] / "report.html").as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert found.stdout.count("vega-embed has-actions") == len(list((built[1] / "figures").glob("*.svg"))) == 8
    assert ":CONSOLE" not in found.stderr
