"""A report is computed from MLflow alone: its tables, its page, its figures, and when it is left as it is."""

import csv
import io
import json
import pickle
import re
import shutil
import subprocess
import sys

import pytest

from w2s_ray.core.errors import ConfigError
from w2s_ray.report import arm_table, build_report, render
from w2s_ray.report import build as module
from w2s_ray.report.labels import method_labels
from w2s_ray.report.sick import reader_warnings
from w2s_ray.tracking import Experiment

ARM_KEYS = ["weak", "strong", "method", "params", "tasks", "seeds", "cells", "undefined", "sick", "control",
            "accuracy", "pgr"]  # fmt: skip


@pytest.fixture
def without_vega(monkeypatch):
    """Putting the library together takes a second, in each process."""
    monkeypatch.setattr(render, "_library", str)


def test_the_aggregate_has_its_schema(built):
    aggregate, out = built
    assert json.loads((out / "aggregate.json").read_text()) == aggregate
    schema_1 = ["schema", "sweep", "complete", "seconds", "stages", "arms", "warnings"]
    assert list(aggregate) == [*schema_1, "statistics"]
    assert list(aggregate["stages"]) == ["unique", "reused", "run", "failed"]
    assert aggregate["complete"] is True
    for arm in aggregate["arms"]:
        assert list(arm) == ARM_KEYS
        assert list(arm["pgr"]) == ["median", "ratio_of_means", "pooled", "interval", "level"]
        assert (arm["tasks"], arm["seeds"], arm["cells"]) == (["review", "flat"], [0, 1], 4)
        assert arm["undefined"] == (4 if arm["control"] else 2)


def test_the_control_is_marked_in_every_table_and_is_no_rung(built):
    """It is as large as l; once it hid l's name and was joined to the ladder by a line."""
    aggregate, out = built
    assert [arm["strong"] for arm in aggregate["arms"] if arm["control"]] == ["l-scratch"]
    rows = list(csv.DictReader((out / "cells.csv").open()))
    assert {row["strong"] for row in rows if row["control"] == "true"} == {"l-scratch"}
    page = (out / "report.html").read_text()
    assert "naive, control (not pretrained)" in page
    assert "The control l-scratch was not pretrained" in page
    assert "stays below it on 2 of 2 tasks" in page
    assert "not pretrained" in (out / "figures/accuracy-by-size.svg").read_text()


def test_a_rung_without_the_concept_is_told_of_on_the_task_that_needs_it(built):
    aggregate, out = built
    sick = {(arm["strong"], arm["method"]): arm["sick"] for arm in aggregate["arms"]}
    assert sick["m", "naive"] >= 2
    assert any("m: zero-shot is low" in line for line in aggregate["warnings"])
    rows = list(csv.DictReader((out / "cells.csv").open()))
    told = {(row["strong"], row["task"]) for row in rows if "zero-shot" in row["sick"]}
    assert told == {("m", "review")}


def test_its_numbers_are_those_of_the_cells(built):
    """PGR leaves the task without a gap out; the pooled one takes it in; both by hand from cells.csv."""
    aggregate, out = built
    rows = [row for row in csv.DictReader((out / "cells.csv").open()) if row["split"] == "test"]
    arm = aggregate["arms"][0]
    its = [row for row in rows if (row["weak"], row["strong"], row["method"]) == ("xs", "m", "naive")]
    review = [row for row in its if row["task"] == "review"]
    gain, gap = (sum(float(row[name]) for row in review) for name in ("gain", "gap"))
    assert arm["pgr"]["ratio_of_means"] == pytest.approx(gain / gap)
    gain, gap = (sum(float(row[name]) for row in its) for name in ("gain", "gap"))
    assert arm["pgr"]["pooled"] == pytest.approx(gain / gap)
    low, high = arm["pgr"]["interval"]
    assert low < arm["pgr"]["ratio_of_means"] < high


def test_cells_have_a_row_per_split_and_a_reason_where_pgr_is_undefined(built):
    rows = list(csv.DictReader((built[1] / "cells.csv").open()))
    assert len(rows) == (2 * 2 + 1) * 2 * 2 * 2  # pairs × methods and the control, tasks, seeds, splits
    assert {row["split"] for row in rows} == {"test", "tune"}
    for row in rows:
        assert bool(row["pgr"]) != bool(row["undefined"])
        assert row["gain"] and row["key_student"].startswith("finetune/")
        assert 0 <= float(row["agreement_weak_wrong"]) <= 1
    assert any(row["sick"] for row in rows if row["task"] == "flat")


def test_the_page_is_one_file_that_asks_for_nothing(built):
    page = (built[1] / "report.html").read_text()
    for outside in ('src="http', 'href="http', "@import", "cdn.jsdelivr.net/npm/vega@"):
        assert outside not in page
    assert "of the gap from xs to l" in page
    assert "95% intervals over seeds and test items, for these tasks" in page
    assert "intervals leave out pretraining variance" in page.lower()
    assert (built[1] / "report.html").stat().st_size < 3_000_000


def test_the_page_has_a_section_for_everything_that_is_known(built):
    page = (built[1] / "report.html").read_text()
    titles = re.findall("<h2>(.*?)</h2>", page.split("</main>")[0])
    assert [re.sub(r" \(\d+ cells\)", "", title) for title in titles] == [
        "Results", "Readings", "Figures", "Comparisons", "Trends", "Tasks", "Analyses", "Exclusions", "Sick runs",
        "Settings", "Cost", "Digests",
    ]  # fmt: skip
    assert "accuracy, without sick cells" in page
    assert "Against naive: " in page
    assert "2 tasks cannot give a p-value under 0.5." in page
    keys = {row["key_student"] for row in csv.DictReader((built[1] / "cells.csv").open())}
    assert all(f">{key}</td>" in page for key in keys)


def test_every_figure_that_has_something_to_draw_is_written_in_all_forms_and_logged(built, uri):
    names = sorted(path.name for path in (built[1] / "figures").iterdir())
    drawn = [
        "accuracy-by-size",
        "agreement",
        "calibration",
        "cost",
        "panels",
        "pgr-by-size",
        "tasks",
        "timeline",
    ]
    assert names == [f"{name}.{kind}" for name in drawn for kind in ("pdf", "png", "svg")]
    source = Experiment(uri, "whole")
    logged = {item.path for item in source._client.list_artifacts(source._sweep.info.run_id)}
    assert {"report.html", "aggregate.json", "cells.csv", "figures"} <= logged
    assert source.arms()["pgr/ratio_of_means"].notna().tolist() == [True] * 4 + [False]


def test_equal_data_gives_equal_bytes_in_another_process(built, uri, tmp_path):
    """Nothing of a file depends on the order of a set or on an address."""
    source = Experiment(uri, "whole")
    cells = source.cells()
    groups = {name: source.truth(name).groups for name in cells["test_set"].unique()}
    (tmp_path / "tables").write_bytes(
        pickle.dumps((source.sweep(), source.arms(), cells, source.stages(), groups))
    )
    code = (
        "import pickle, sys; from w2s_ray.report import render; render._library = str;"
        "from w2s_ray.report.statistics import sweep_results;"
        "sweep, arms, cells, stages, groups = pickle.load(open(sys.argv[1], 'rb'));"
        "found = sweep_results(arms, cells, stages, groups.get, level=0.95, draws=300);"
        "sys.stdout.buffer.write(pickle.dumps(render.render_files(sweep, found, cells, stages)))"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "tables")]
    files = pickle.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    assert len(files) == 2 + 3 * 8
    for path in [path for path in files if not path.endswith(".pdf")]:
        raw = files[path]
        mine, theirs = ((each.split(b"</main>")[0]) for each in ((built[1] / path).read_bytes(), raw))
        assert mine == theirs, path


def test_nothing_is_rendered_again_until_data_or_a_file_changes(built, uri, tmp_path, monkeypatch):
    out = tmp_path / "out"
    shutil.copytree(built[1], out)
    calls = []
    fresh = {"cells.csv": b"rendered again"}
    monkeypatch.setattr(module, "render_files", lambda *a, **k: calls.append(1) or fresh)
    assert build_report(uri, "whole", out, draws=300) == built[0]
    assert calls == []
    (out / "cells.csv").write_text("edited")
    assert build_report(uri, "whole", out, draws=300) == built[0]
    assert calls == [1]
    assert (out / "cells.csv").read_text() == "rendered again"


def test_a_pdf_is_as_wide_as_a_column_or_as_two(built):
    widths = {}
    for path in (built[1] / "figures").glob("*.pdf"):
        box = re.search(rb"/MediaBox \[0 0 ([\d.]+) ", path.read_bytes())
        widths[path.stem] = float(box[1]) / 72
    assert set(widths.values()) == {3.25, 6.75}
    assert widths["accuracy-by-size"] == 3.25
    assert widths["agreement"] == 6.75


def test_only_chosen_figures_are_drawn_and_one_that_is_not_chosen_any_more_goes(without_vega, uri, tmp_path):
    build_report(uri, "half", tmp_path, draws=100, figures=["tasks", "cost"])
    names = {path.stem for path in (tmp_path / "figures").iterdir()}
    assert names == {"tasks", "cost"}
    page = (tmp_path / "report.html").read_text()
    assert page.index("spec-tasks") < page.index("spec-cost")
    build_report(uri, "half", tmp_path, draws=100, figures=["cost"])
    assert {path.stem for path in (tmp_path / "figures").iterdir()} == {"cost"}
    with pytest.raises(ConfigError, match="unknown figure 'task'; did you mean 'tasks'"):
        build_report(uri, "half", tmp_path, figures=["task"])


def test_a_half_finished_sweep_is_reported_as_far_as_it_is(without_vega, uri, tmp_path):
    aggregate = build_report(uri, "half", tmp_path, draws=100, figures=["tasks"])
    assert aggregate["complete"] is False
    assert [arm["cells"] for arm in aggregate["arms"]] == [4, 1, 0, 0, 0]
    empty = aggregate["arms"][2]
    assert empty["accuracy"] == {"weak": None, "student": None, "ceiling": None}
    assert empty["pgr"]["ratio_of_means"] is None
    assert "5 of 20 cells finished" in (tmp_path / "report.html").read_text()


def test_names_cannot_become_markup(without_vega, uri, tmp_path):
    build_report(uri, "hostile", tmp_path, draws=100, figures=["tasks", "cost", "panels"])
    page = (tmp_path / "report.html").read_text()
    assert "<script>alert(1)" not in page
    assert "</script><b>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_the_queries_of_the_readme_find_what_they_should(built, uri):
    """The best arm of a pair; all students of one supervisor; the curve of a stage."""
    import mlflow

    mlflow.set_tracking_uri(uri)
    best = mlflow.search_runs(
        experiment_names=["whole"],
        filter_string="tags.`w2s.kind` = 'arm' and params.weak = 'xs' and params.strong = 'l'",
        order_by=["metrics.objective DESC"],
    )
    assert best["params.method"].tolist() == ["confidence", "naive"]
    assert best["metrics.pgr/low"][0] < best["metrics.pgr/ratio_of_means"][0]
    students = mlflow.search_runs(
        experiment_names=["whole"],
        filter_string="tags.`w2s.kind` = 'cell' and params.weak = 'xs' and tags.`w2s.control.strong` = 'false' "
        "and metrics.`pgr/test` > 0.5",
    )
    assert set(students["params.method"]) == {"confidence"}
    key = students["tags.w2s.key.student"][0]
    stage = mlflow.search_runs(experiment_names=["whole"], filter_string=f"tags.`w2s.key` = '{key}'")
    curve = mlflow.MlflowClient().get_metric_history(stage["run_id"][0], "loss")
    assert [point.step for point in curve] == list(range(0, 80, 4))


def test_arms_are_chosen_by_the_tune_rows_of_dev_tasks_alone(built, uri):
    source = Experiment(uri, "whole")
    cells = source.cells()
    dev = cells[cells["role"] == "dev"]
    checked = 0
    for _, arm in source.arms().iterrows():
        mine = dev[dev["arm"] == arm["id"]]
        gain, gap = mine["gain/tune"].sum(), mine["gap/tune"].sum()
        if gap > 0:
            checked += 1
            assert arm["objective"] == pytest.approx(gain / gap)
    assert checked >= 2


def test_no_such_experiment_is_bad_input(uri, tmp_path):
    with pytest.raises(ConfigError, match="known: half, hostile, whole"):
        build_report(uri, "nothing", tmp_path)


def printed(aggregate):
    from rich.console import Console

    console = Console(file=io.StringIO(), width=80)
    console.print(arm_table(aggregate))
    return console.file.getvalue()


def test_the_terminal_table_has_a_row_per_arm_within_80_columns(built):
    text = printed(built[0])
    assert text.count("xs → l ") == 2
    assert "confidence" in text
    assert "…" in text
    assert "2 of 4" in text
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 80


def test_the_terminal_table_tells_of_sick_supervisors(built):
    (warning,) = reader_warnings(
        [
            {"weak": "xs", "task": "agree", "seed": seed, "sick": ["sick supervisor: accuracy 0.5 …"]}
            for seed in (2, 0, 0)
        ]
    )
    assert warning.startswith("Sick supervisors: xs on agree (seeds 0, 2). A very weak supervisor makes the")
    assert "inverted concept" in " ".join(printed(built[0] | {"warnings": [warning]}).split())


def test_warnings_name_the_commonest_faults_and_count_the_rest():
    cells = [{"sick": [f"fault {min(n, 4)}"]} for n in range(6)]
    lines = reader_warnings(cells)
    assert lines[0] == "2 cells: fault 4"
    assert lines[-1] == "2 cells: other faults, see the report"
    assert reader_warnings([{"sick": []}]) == []


def test_methods_are_named_by_the_parameters_in_which_they_differ():
    arms = [
        ("naive", {}),
        ("confidence", {"alpha": 0.5, "warmup": 0.2}),
        ("confidence", {"alpha": 0.75, "warmup": 0.2}),
    ]
    assert method_labels(arms) == ["naive", "confidence(alpha=0.5)", "confidence(alpha=0.75)"]
    assert method_labels(arms[:2]) == ["naive", "confidence"]


def test_methods_within_methods_are_named_by_what_differs_in_them():
    def filtered(alpha):
        return (
            "filter",
            {"share": 0.2, "then": {"method": "confidence", "params": {"alpha": alpha, "warmup": 0.2}}},
        )

    plain = ("filter", {"share": 0.2, "then": {"method": "naive", "params": {}}})
    assert method_labels([plain, filtered(0.5)]) == ["filter(then=naive)", "filter(then=confidence)"]
    assert method_labels([filtered(0.5), filtered(0.75)]) == [
        "filter(then=confidence(alpha=0.5))", "filter(then=confidence(alpha=0.75))",
    ]  # fmt: skip
    assert method_labels([("bootstrap", {"via": ["m"]}), ("bootstrap", {"via": ["m", "l"]})]) == [
        "bootstrap(via=m)", "bootstrap(via=m+l)",
    ]  # fmt: skip
