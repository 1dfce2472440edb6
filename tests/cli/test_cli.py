"""The command line: instant, honest exit codes, errors with file and line, nothing heavy before it is needed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sweep.small import write_sweep

HEAVY = ("ray", "torch", "transformers", "datasets", "mlflow", "optuna", "pandas", "deepspeed")


def run(*words: str, program: str = "sweep_main") -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own; its last line on stderr names the heavy modules it imported."""
    code = (
        "import sys, atexit\n"
        f"atexit.register(lambda: print([m for m in {HEAVY} if m in sys.modules], file=sys.stderr))\n"
        f"from w2s_ray.cli import {program}\n{program}()"
    )
    return subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)


def imported(done: subprocess.CompletedProcess[str]) -> str:
    return done.stderr.strip().splitlines()[-1]


def test_help_imports_nothing_heavy() -> None:
    done = run("--help")
    assert done.returncode == 0
    assert "--set" in done.stdout
    assert imported(done) == "[]"


def test_a_plan_imports_nothing_heavy_and_counts_the_closed_form(small: Path) -> None:
    done = run("plan", str(small), "--json", program="main")
    assert done.returncode == 0
    assert json.loads(done.stdout)["stages"] == {"unique": 10, "in_store": 0}
    assert imported(done) == "[]"


def test_a_dry_run_starts_nothing(small: Path) -> None:
    done = run(str(small), "--dry-run")
    assert done.returncode == 0
    assert "to do: 10 stages" in done.stdout
    assert imported(done) == "[]"
    assert not (small.parent / "store").exists()


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("methods=[naiv]", "did you mean 'naive'"),
        ("methods=[{naive: {alpha: 0.5}}]", "alpha"),
        ("tasks.revew={}", "did you mean 'review'"),
        ("train.lrr=1e-3", "did you mean 'lr'"),
        ("seeds=[0, 0]", "listed twice"),
        ("pairs=[{weak: xs, strong: x}]", "x"),
    ],
)
def test_bad_input_exits_2_with_the_nearest_name_before_anything_heavy(
    small: Path, override: str, words: str
) -> None:
    done = run(str(small), "--set", override)
    assert done.returncode == 2, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert imported(done) == "[]"


def test_an_error_in_the_file_names_its_line(tmp_path: Path) -> None:
    file = write_sweep(tmp_path)
    lines = file.read_text().splitlines()
    number = next(i for i, line in enumerate(lines) if line.startswith("methods"))
    lines[number] = "methods: [naiv]"
    file.write_text("\n".join(lines))
    done = run(str(file))
    assert done.returncode == 2
    assert f"small.yaml:{number + 1}" in done.stderr


def test_a_budget_that_does_not_hold_the_plan_exits_4_before_ray(small: Path) -> None:
    overrides = [
        "--set",
        "budget.gpu_hours=1e-9",
        "--set",
        "resources.gpus=1",
        "--set",
        "resources.launcher=auto",
    ]
    done = run(str(small), *overrides)
    assert done.returncode == 4
    assert "budget.gpu_hours" in done.stderr
    assert imported(done) == "[]"


def test_the_registries_can_be_listed_and_shown() -> None:
    listed = run("list", "methods", program="main")
    assert {"naive", "confidence"} <= set(listed.stdout.split())
    shown = run("show", "confidence", program="main")
    assert "alpha: float = 0.5" in shown.stdout and "Burns et al. 2023" in shown.stdout
    unknown = run("show", "confidance", program="main")
    assert unknown.returncode == 2 and "did you mean 'confidence'" in unknown.stderr


def test_a_report_of_an_experiment_that_does_not_exist_exits_2(tmp_path: Path) -> None:
    done = run("report", "nothing", "--out", str(tmp_path), program="main")
    assert done.returncode == 2
    assert "nothing" in done.stderr and "Traceback" not in done.stderr


def test_a_figure_that_nobody_draws_is_told_before_anything_runs(tmp_path: Path) -> None:
    done = run(str(write_sweep(tmp_path, more="report: {figures: [panel, tasks]}")))
    assert done.returncode == 2
    assert "small.yaml: report.figures: unknown figure 'panel'; did you mean 'panels'?" in done.stderr
    assert imported(done) == "[]"


def test_a_folder_without_rows_of_any_task_is_told(tmp_path: Path) -> None:
    done = run("tasks", str(tmp_path / "nowhere"), program="main")
    assert done.returncode == 2 and "no folder here bears a task's name" in done.stderr
