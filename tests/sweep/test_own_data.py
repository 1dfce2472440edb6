"""Own data, as docs/own-data.md tells it: the documented commands on the documented file; a leak stops a sweep."""

import re
import shlex
import shutil
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from w2s_ray.cli.commands import app
from w2s_ray.store import Store

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "own-data.md"
FILE = "sweeps/own_data/tickets.yaml"
SMALL = (
    "models={xs: {source: tiny/xs, pretrained: false}, s: {source: tiny/s, pretrained: false}}",
    "pairs=all", "train.roles.weak.epochs=1", "seeds=[0]", "train.epochs=1", "resources.launcher=here",
)  # fmt: skip
TOLD = 'tasks.tickets.task.text="Ticket: {body} Urgent: {urgent}"'


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch):
    monkeypatch.chdir(ROOT)


@pytest.fixture
def sweep(tmp_path, mlflow_template):
    """Run the example's sweep with models that take a second, and further overrides."""
    (tmp_path / "out").mkdir()
    shutil.copy(mlflow_template, tmp_path / "out" / "mlflow.db")

    def run(*overrides):
        settings = [word for setting in (*SMALL, *overrides) for word in ("--set", setting)]
        return w2s("sweep", FILE, "--out", tmp_path / "out", "--store", tmp_path / "store", *settings)

    return run


def w2s(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def documented():
    """The commands of the page, each as its words."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    lines = [line for _, block in blocks for line in block.splitlines() if line.startswith("w2s")]
    return [shlex.split(line, comments=True) for line in lines]


@pytest.mark.slow
def test_the_documented_commands_tell_of_the_example_and_run_it(sweep, tmp_path):
    (lint, show, plan, run), more = documented()[:4], documented()[4:]
    assert not more and run == ["w2s-sweep", FILE]
    told = w2s(*lint[1:])
    assert told.exit_code == 0 and "\nnote  bag_of_words" in told.stdout and "leak  " not in told.stdout
    shown = w2s(*show[1:])
    assert shown.exit_code == 0 and shown.stdout.startswith("tickets (version 1): binary, described")
    assert "read      1,000 rows, 1,000 examples" in shown.stdout and shown.stdout.count("│ Ticket: ") == 5
    assert "300 in each half" in shown.stdout
    assert "stages" in w2s(*plan[1:]).stdout
    done = sweep()
    assert done.exit_code == 0, done.output
    cells = pd.read_csv(tmp_path / "out" / "cells.csv")
    assert set(cells["task"]) == {"tickets"} and set(cells["method"]) == {"naive", "confidence"}
    assert (tmp_path / "out" / "report.html").exists()


def test_a_leak_stops_the_sweep_before_any_training_and_runs_when_it_is_allowed(sweep, tmp_path):
    stopped = sweep(TOLD, "methods=[naive]")
    assert stopped.exit_code == 1
    assert "failed  split/described-s0-" in stopped.stderr
    assert "task 'tickets' leaks, so nothing is trained on it: a linear model" in stopped.stderr
    allow = re.search(r"tasks\.tickets\.allow_leaks: (\[.*?\])", stopped.stderr)
    assert allow and not list(Store(tmp_path / "store").keys())
    done = sweep(TOLD, "methods=[naive]", f"tasks.tickets.allow_leaks={allow[1]}")
    assert done.exit_code == 0, done.output
    kinds = [key.split("/")[0] for key in Store(tmp_path / "store").keys()]
    assert sorted(kinds) == ["finetune"] * 3 + ["split"]


def test_a_task_of_a_sweep_is_linted_with_its_overrides_and_a_wrong_name_is_told():
    leaky = w2s("lint", "tickets", "--sweep", FILE, "--set", TOLD)
    assert leaky.exit_code == 1 and "leak  phrases: 'yes" in leaky.stdout
    accepted = ("--set", "tasks.tickets.allow_leaks=[answer_only, bag_of_words, surface, phrases]")
    allowed = w2s("lint", "tickets", "--sweep", FILE, "--set", TOLD, *accepted)
    assert allowed.exit_code == 0 and "leak (allowed)  bag_of_words" in allowed.stdout
    for words, message in (
        (("lint", "tickts", "--sweep", FILE), "unknown task 'tickts'; did you mean 'tickets'?"),
        (("show", "tickets", "--sweep", FILE, "--path", "."), "--path and --sweep exclude each other"),
        (("lint", "sst2", "--set", TOLD), "it needs --sweep FILE"),
        (
            ("lint", "tickets", "--sweep", FILE, "--set", "tasks.tickets.task.label=urgnt"),
            "no column 'urgnt'",
        ),
    ):
        wrong = w2s(*words)
        assert wrong.exit_code == 2 and message in wrong.stderr
    registered = w2s("lint", "review", "--sweep", "sweeps/quickstart.yaml")
    assert registered.exit_code == 0 and "1,000 rows in the halves" in registered.stdout
