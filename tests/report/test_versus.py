"""Two sweeps are compared over the cells that both have, task by task."""

import json

import pytest
from typer.testing import CliRunner

from tests.report.tables import made_up
from w2s_ray.cli.commands import app
from w2s_ray.core.errors import ConfigError
from w2s_ray.report.versus import EVERY, compare_sweeps, versus


def frame(sweep, better=0.0, keep=lambda cell: True):
    """The cells as an experiment gives them, with other students."""
    arms = {arm["id"]: arm for arm in sweep.arms}
    cells = []
    for cell in filter(keep, sweep.cells):
        words = {name: arms[cell["arm"]][name] for name in ("weak", "strong", "method", "params")}
        cells.append(
            cell
            | words
            | {"accuracy/student/test": cell["accuracy/student/test"] + better * (1 + cell["seed"])}
        )
    import pandas as pd

    return pd.DataFrame(cells)


def compared(first, second):
    return versus(first, second, names=("a", "b"), level=0.95)


def test_only_shared_cells_count_and_the_others_are_told_of():
    """b has seeds 0 and 1 alone, and a task that a has not."""
    whole = made_up(tasks=("a", "b", "c"))
    first = frame(whole, better=0.01, keep=lambda cell: cell["task"] != "c")
    found = compared(first, frame(whole, keep=lambda cell: cell["seed"] < 2))
    assert (found.num_shared, found.num_only) == (8, (4, 4))
    rows = [row for row in found.rows if row.measure == "accuracy"]
    assert [row.label for row in rows] == ["naive", "confidence", EVERY]
    assert rows[0].differences == {"a": pytest.approx(0.015), "b": pytest.approx(0.015)}
    assert (rows[0].weak, rows[0].ceiling) == (0, 0)
    assert (rows[2].num_cells, rows[2].tests.wins, rows[2].tests.num_tasks) == (8, 2, 2)


def test_p_values_are_corrected_for_the_arms():
    whole = made_up(tasks=tuple("abcdef"))
    rows = compared(frame(whole, better=0.01), frame(whole)).rows
    assert rows[0].tests.wilcoxon == pytest.approx(2 / 2**6)
    assert rows[0].wilcoxon_holm == pytest.approx(2 * 2 / 2**6)
    assert rows[2].wilcoxon_holm == pytest.approx(2 / 2**6)


def test_the_other_way_round_the_signs_change():
    whole = made_up()
    one, two = frame(whole, better=0.01), frame(whole)
    assert compared(one, two).rows[0].tests.mean == pytest.approx(-compared(two, one).rows[0].tests.mean)


def test_a_method_with_other_parameters_is_another():
    whole, other = made_up(methods=("naive",)), made_up(methods=("naive",))
    other.arms[0]["params"] = {"alpha": 0.5}
    with pytest.raises(ConfigError, match="a and b share no finished cell"):
        compared(frame(whole), frame(other))


def test_other_test_items_are_told_of():
    whole = made_up(tasks=("a", "b"))
    second = frame(whole)
    second.loc[second["task"] == "b", "test_set"] = "other"
    assert compared(frame(whole), second).other_items == ("b",)


def test_two_experiments_are_compared_on_the_command_line(uri):
    """`half` is the first five cells of `whole`."""
    assert compare_sweeps((uri, "whole"), (uri, "half")).num_only == (15, 0)
    result = CliRunner().invoke(app, ["report", "whole", "half", "--tracking", uri, "--json"])
    assert result.exit_code == 0
    rows = json.loads(result.stdout)["rows"]
    assert {row["tests"]["mean"] for row in rows} == {0.0}
    text = CliRunner().invoke(app, ["report", "half", "whole", "--tracking", uri]).stdout
    assert "over 5 shared cells" in text
    assert "only half: 0 cells; only whole: 15" in text


def test_three_sweeps_are_bad_input(uri):
    result = CliRunner().invoke(app, ["report", "a", "b", "c", "--tracking", uri])
    assert result.exit_code == ConfigError.exit_code
