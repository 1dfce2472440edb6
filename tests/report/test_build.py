"""A report is computed from MLflow alone: its tables, its page, its figures, and when it is left as it is."""

import csv
import io
import json
import shutil
import subprocess
import sys

import pytest

from w2s_ray.core.errors import ConfigError
from w2s_ray.report import arm_table, build_report
from w2s_ray.report import build as module
from w2s_ray.report.labels import method_labels
from w2s_ray.tracking import Experiment

ARM_KEYS = ["weak", "strong", "method", "params", "tasks", "seeds", "cells", "undefined", "accuracy", "pgr"]


def test_the_aggregate_has_its_schema(built):
    aggregate, out = built
    assert json.loads((out / "aggregate.json").read_text()) == aggregate
    assert list(aggregate) == ["schema", "sweep", "complete", "seconds", "stages", "arms"]
    assert list(aggregate["stages"]) == ["unique", "reused", "run", "failed"]
    assert aggregate["complete"] is True
    for arm in aggregate["arms"]:
        assert list(arm) == ARM_KEYS
        assert list(arm["pgr"]) == ["median", "ratio_of_means", "pooled", "interval", "level"]
        assert (arm["tasks"], arm["seeds"], arm["cells"], arm["undefined"]) == (
            ["review", "flat"],
            [0, 1],
            4,
            2,
        )


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
    assert len(rows) == 2 * 2 * 2 * 2 * 2  # pairs, methods, tasks, seeds, splits
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
    assert "intervals leave out pretraining variance" in page.lower()
    assert (built[1] / "report.html").stat().st_size < 3_000_000


def test_figures_are_written_in_both_forms_and_logged(built, published):
    names = sorted(path.name for path in (built[1] / "figures").iterdir())
    assert names == [
        f"{name}.{kind}" for name in ("accuracy-by-size", "pgr-by-size", "tasks") for kind in ("png", "svg")
    ]
    source = Experiment(published[0], "whole")
    logged = {item.path for item in source._client.list_artifacts(source._sweep.info.run_id)}
    assert {"report.html", "aggregate.json", "cells.csv", "figures"} <= logged
    assert source.arms()["pgr/ratio_of_means"].notna().all()


def test_equal_data_gives_equal_bytes_in_another_process(built, published, tmp_path):
    code = (
        "import sys; from pathlib import Path; from w2s_ray.report import build_report;"
        "build_report(sys.argv[1], 'whole', Path(sys.argv[2]), draws=300)"
    )
    subprocess.run([sys.executable, "-c", code, published[0], str(tmp_path)], check=True, capture_output=True)
    files = [path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 10
    for path in files:
        assert (tmp_path / path).read_bytes() == (built[1] / path).read_bytes(), path


def test_nothing_is_rendered_again_until_data_or_a_file_changes(built, published, tmp_path, monkeypatch):
    out = tmp_path / "out"
    shutil.copytree(built[1], out)
    calls = []
    render = module.render_files
    monkeypatch.setattr(module, "render_files", lambda *a, **k: calls.append(1) or render(*a, **k))
    assert build_report(published[0], "whole", out, draws=300) == built[0]
    assert calls == []
    (out / "cells.csv").write_text("edited")
    build_report(published[0], "whole", out, draws=300)
    assert calls == [1]
    assert (out / "cells.csv").read_bytes() == (built[1] / "cells.csv").read_bytes()


def test_a_half_finished_sweep_is_reported_as_far_as_it_is(published, tmp_path):
    aggregate = build_report(published[0], "half", tmp_path, draws=100)
    assert aggregate["complete"] is False
    assert [arm["cells"] for arm in aggregate["arms"]] == [4, 1, 0, 0]
    empty = aggregate["arms"][2]
    assert empty["accuracy"] == {"weak": None, "student": None, "ceiling": None}
    assert empty["pgr"]["ratio_of_means"] is None
    assert "5 of 16 cells finished" in (tmp_path / "report.html").read_text()


def test_names_cannot_become_markup(published, tmp_path):
    build_report(published[0], "hostile", tmp_path, draws=100)
    page = (tmp_path / "report.html").read_text()
    assert "<script>alert(1)" not in page
    assert "</script><b>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_the_queries_a_user_would_write_find_what_they_should(built, published):
    import mlflow

    mlflow.set_tracking_uri(published[0])
    best = mlflow.search_runs(
        experiment_names=["whole"],
        filter_string="tags.`w2s.kind` = 'arm' and params.weak = 'xs' and params.strong = 'l'",
        order_by=["metrics.`pgr/ratio_of_means` DESC"],
    )
    assert best["params.method"].tolist() == ["confidence", "naive"]
    students = mlflow.search_runs(
        experiment_names=["whole"],
        filter_string="tags.`w2s.kind` = 'cell' and params.weak = 'xs' and metrics.`pgr/test` > 0.5",
    )
    assert set(students["params.method"]) == {"confidence"}
    assert students["tags.w2s.key.student"].str.startswith("finetune/").all()


def test_no_such_experiment_is_bad_input(published, tmp_path):
    with pytest.raises(ConfigError, match="known: half, hostile, whole"):
        build_report(published[0], "nothing", tmp_path)


def test_the_terminal_table_has_a_row_per_arm(built):
    from rich.console import Console

    console = Console(file=io.StringIO(), width=80)
    console.print(arm_table(built[0]))
    text = console.file.getvalue()
    assert text.count("xs → l") == 2
    assert "confidence" in text
    assert "…" in text


def test_methods_are_named_by_the_parameters_in_which_they_differ():
    arms = [
        ("naive", {}),
        ("confidence", {"alpha": 0.5, "warmup": 0.2}),
        ("confidence", {"alpha": 0.75, "warmup": 0.2}),
    ]
    assert method_labels(arms) == ["naive", "confidence(alpha=0.5)", "confidence(alpha=0.75)"]
    assert method_labels(arms[:2]) == ["naive", "confidence"]
