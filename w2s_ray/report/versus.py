"""Two sweeps against each other: paired differences over the cells that both have, from MLflow queries alone.

Cells are the same where task, seed, pair and method with all its parameters are. A task is one observation: its
difference is the mean over shared seeds, first sweep minus second.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from w2s_ray.core.errors import ConfigError
from w2s_ray.metrics.comparison import PairedTests, holm, paired_tests
from w2s_ray.report.analyses import by_task, number
from w2s_ray.report.labels import full_label, method_labels
from w2s_ray.report.results import MEASURES, ROLES
from w2s_ray.tracking.query import Experiment

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import RenderableType

EVERY = "all arms"
Cell = dict[str, Any]
Key = tuple[str, int, str, str, str]  # task, seed, weak, strong, method with parameters


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One arm by one measure, first sweep minus second; the last of a measure is of all arms, a task's mean over them.

    `differences` are of student scores by task and `tests` what they show; `wilcoxon_holm` is corrected for the arms
    of a measure. `weak` and `ceiling` are mean differences over tasks of the other two roles.
    """

    measure: str
    weak_model: str
    strong_model: str
    label: str
    num_cells: int
    differences: Mapping[str, float]
    tests: PairedTests
    wilcoxon_holm: float
    weak: float
    ceiling: float


@dataclass(frozen=True, kw_only=True)
class Versus:
    """`first` and `second` name the sweeps. `num_only` counts the cells that only one of them has.

    `other_items` names shared tasks whose test sets differ between the sweeps: their items are not paired.
    """

    first: str
    second: str
    num_shared: int
    num_only: tuple[int, int]
    other_items: tuple[str, ...]
    rows: tuple[Difference, ...]
    level: float


def compare_sweeps(first: tuple[str, str], second: tuple[str, str], *, level: float = 0.95) -> Versus:
    """Of two experiments, each (tracking URI, name).

    Raises ConfigError where one is missing or they share no finished cell, EnvironmentFault where a server does not
    answer.
    """
    mine, its = (Experiment(uri, name).cells() for uri, name in (first, second))
    return versus(mine, its, names=(first[1], second[1]), level=level)


def versus(first: pd.DataFrame, second: pd.DataFrame, *, names: tuple[str, str], level: float) -> Versus:
    """Of two tables of cells; ConfigError where they share none."""
    mine, its = _by_key(first), _by_key(second)
    shared = [key for key in mine if key in its]
    if not shared:
        raise ConfigError(
            f"{names[0]} and {names[1]} share no finished cell; compare sweeps with a task, seed, pair and method "
            "(with its parameters) in common"
        )
    pairs = [(mine[key], its[key]) for key in shared]
    other = [one["task"] for one, two in pairs if one["test_set"] != two["test_set"]]
    return Versus(
        first=names[0],
        second=names[1],
        num_shared=len(shared),
        num_only=(len(mine) - len(shared), len(its) - len(shared)),
        other_items=tuple(dict.fromkeys(other)),
        rows=tuple(row for measure in MEASURES for row in _rows(pairs, measure, level)),
        level=level,
    )


def versus_json(found: Versus) -> dict[str, Any]:
    """The same for other programs; differences are fractions."""
    body = asdict(found)
    for row in body["rows"]:
        task, value = row["tests"]["worst"]
        row["tests"]["worst"] = {"task": task, "difference": value}
    return body


def versus_table(found: Versus) -> RenderableType:
    """A row per arm and measure, in points; below it what a reader must know."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    title = (
        f"{found.first} minus {found.second}: student scores in points, over {found.num_shared} shared cells"
    )
    table = Table(title=Text(title), box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for name in ("pair", "method", "measure"):
        table.add_column(name, overflow="fold")
    for name in ("cells", "tasks", "student", "weak", "ceiling", "w/t/l", "p", "Holm", "detectable"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("worst", overflow="fold")
    for row in found.rows:
        table.add_row(*(Text(cell) for cell in _words(row)))
    lines = [f"only {found.first}: {found.num_only[0]} cells; only {found.second}: {found.num_only[1]}"]
    if found.other_items:
        lines.append(f"warning: other test items in the two sweeps: {', '.join(found.other_items)}")
    return Group(table, *(Text(line) for line in lines))


def _by_key(cells: pd.DataFrame) -> dict[Key, Cell]:
    return {
        (
            row["task"],
            row["seed"],
            row["weak"],
            row["strong"],
            full_label(row["method"], row["params"]),
        ): row
        for row in cells.to_dict("records")
    }


def _rows(pairs: Sequence[tuple[Cell, Cell]], measure: str, level: float) -> list[Difference]:
    """Cells without the measure in both sweeps are left out."""
    known = [
        one | {"difference": difference}
        for one, two in pairs
        if (difference := _difference(one, two, measure)) is not None
    ]
    arms: dict[tuple[str, str, str], list[Cell]] = {}
    for cell in known:
        place = (cell["weak"], cell["strong"], full_label(cell["method"], cell["params"]))
        arms.setdefault(place, []).append(cell)
    labels = method_labels([(its[0]["method"], its[0]["params"]) for its in arms.values()])
    found = [
        _row(its, measure, (weak, strong, label), level)
        for ((weak, strong, _), its), label in zip(arms.items(), labels, strict=True)
    ]
    adjusted = holm([row.tests.wilcoxon for row in found])
    found = [replace(row, wilcoxon_holm=p) for row, p in zip(found, adjusted, strict=True)]
    return [*found, _row(known, measure, ("", "", EVERY), level)] if len(found) > 1 else found


def _difference(one: Cell, two: Cell, measure: str) -> dict[str, float] | None:
    scores = [[number(cell, f"{measure}/{role}/test") for role in ROLES] for cell in (one, two)]
    if any(score is None for its in scores for score in its):
        return None
    change_R = np.subtract(*np.array(scores, dtype=float))
    return dict(zip(ROLES, change_R.tolist(), strict=True))


def _row(cells: list[Cell], measure: str, arm: tuple[str, str, str], level: float) -> Difference:
    means = {
        task: {role: float(np.mean([cell["difference"][role] for cell in its])) for role in ROLES}
        for task, its in by_task(cells).items()
    }
    differences = {task: its["student"] for task, its in means.items()}
    tests = paired_tests(differences, level=level)
    assert tests is not None, "an arm has cells, so it has a task"
    weak, ceiling = (float(np.mean([its[role] for its in means.values()])) for role in ("weak", "ceiling"))
    return Difference(
        measure=measure,
        weak_model=arm[0],
        strong_model=arm[1],
        label=arm[2],
        num_cells=len(cells),
        differences=differences,
        tests=tests,
        wilcoxon_holm=tests.wilcoxon,
        weak=weak,
        ceiling=ceiling,
    )


def _words(row: Difference) -> list[str]:
    tests = row.tests
    task, value = tests.worst
    return [
        f"{row.weak_model} → {row.strong_model}" if row.weak_model else "",
        row.label,
        row.measure,
        str(row.num_cells),
        str(tests.num_tasks),
        *(f"{100 * change:+z.1f}" for change in (tests.mean, row.weak, row.ceiling)),
        f"{tests.wins}/{tests.ties}/{tests.losses}",
        f"{tests.wilcoxon:.2g}",
        f"{row.wilcoxon_holm:.2g}",
        "–" if tests.detectable is None else f"{100 * tests.detectable:.1f}",
        f"{100 * value:+z.1f} {task}",
    ]
