"""From the tidy tables of an experiment to the cells of each arm by task, with what is known of every test item."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from w2s_ray.metrics.intervals import Floats, task_covariance
from w2s_ray.report.results import MEASURES, ROLES

if TYPE_CHECKING:
    import pandas as pd

Groups = Callable[[str], NDArray[np.int64] | None]  # name of a test set -> its group codes, if known
_ACCURACIES = tuple(f"accuracy/{role}/test" for role in ROLES)
AGREEMENTS = ("all", "weak_right", "weak_wrong")


@dataclass(frozen=True, kw_only=True)
class Items:
    """Which test items a training (by stage key) got right, and the groups of a test set's items, where known."""

    correct: Mapping[str, NDArray[np.bool_]]
    groups: Groups

    def known(self, cells: TaskCells) -> bool:
        """Whether every role of every cell is known item by item."""
        codes = self.groups(cells.test_set) if cells.test_set else None
        return codes is not None and all(
            len(self.correct.get(key, ())) == len(codes) for keys in cells.keys.values() for key in keys
        )

    def right(self, cells: TaskCells, role: str) -> NDArray[np.bool_]:
        """[seeds, items] of a role whose items are known."""
        return np.stack([self.correct[key] for key in cells.keys[role]])


@dataclass(frozen=True, kw_only=True)
class TaskCells:
    """The cells of one arm on one task, by seed.

    `scores` are test scores [seeds] by measure and role, nan where a cell lacks one; `agreement` likewise. `keys`
    name the trainings of each role. `test_set` is empty where cells do not share one.
    """

    task: str
    role: str
    test_set: str
    seeds: tuple[int, ...]
    sick: tuple[bool, ...]
    keys: Mapping[str, tuple[str, ...]]
    scores: Mapping[str, Mapping[str, Floats]]
    agreement: Mapping[str, Floats]
    gap_se: Floats
    num_undefined: int = 0  # cells without a PGR of their own

    @cached_property
    def measures(self) -> tuple[str, ...]:
        """Those that every cell has."""
        return tuple(
            name for name in MEASURES if all(np.isfinite(its).all() for its in self.scores[name].values())
        )

    def well(self) -> TaskCells | None:
        """Without sick cells; None where none is left."""
        kept = [place for place, sick in enumerate(self.sick) if not sick]
        if len(kept) == len(self.seeds):
            return self
        return self.only(kept) if kept else None

    def only(self, kept: Sequence[int]) -> TaskCells:
        """The cells at these places."""
        return replace(
            self,
            seeds=tuple(self.seeds[place] for place in kept),
            sick=tuple(self.sick[place] for place in kept),
            keys={role: tuple(its[place] for place in kept) for role, its in self.keys.items()},
            scores={
                name: {role: its[kept] for role, its in scores.items()}
                for name, scores in self.scores.items()
            },
            agreement={where: its[kept] for where, its in self.agreement.items()},
            gap_se=self.gap_se[kept],
        )


def items_of(stages: pd.DataFrame, groups: Groups) -> Items:
    """The items of an experiment, from its table of stages."""
    rows = stages.to_dict("records")
    correct = {row["key"]: row["correct"] for row in rows if isinstance(row.get("correct"), np.ndarray)}
    return Items(correct=correct, groups=groups)


def cells_by_arm(cells: pd.DataFrame) -> dict[str, list[TaskCells]]:
    """By the short id of an arm, its tasks in the plan's order. A cell without test accuracies says nothing."""
    found: dict[str, dict[str, list[dict[str, Any]]]] = {}
    told = [row for row in cells.to_dict("records") if np.isfinite(_numbers(map(row.get, _ACCURACIES))).all()]
    for row in told:
        found.setdefault(row["arm"], {}).setdefault(row["task"], []).append(row)
    return {arm: [_task_cells(rows) for rows in tasks.values()] for arm, tasks in found.items()}


def covariance(cells: TaskCells, items: Items) -> Floats:
    """Of the means of gain, gap, weak, student and ceiling [5, 5], over items and seeds."""
    codes = items.groups(cells.test_set)
    assert codes is not None, "asked only where items are known"
    weak, student, ceiling = (items.right(cells, role).astype(np.float64) for role in ROLES)
    return task_covariance(np.stack([student - weak, ceiling - weak, weak, student, ceiling]), codes)


def _task_cells(rows: Sequence[Mapping[str, Any]]) -> TaskCells:
    ordered = sorted(rows, key=lambda row: row["seed"])
    test_sets = {row["test_set"] for row in ordered}

    def column(name: str) -> Floats:
        return _numbers(row.get(name) for row in ordered)

    return TaskCells(
        task=ordered[0]["task"],
        role=ordered[0]["role"],
        test_set=test_sets.pop() if len(test_sets) == 1 else "",
        seeds=tuple(int(row["seed"]) for row in ordered),
        sick=tuple(bool(row["sick"]) for row in ordered),
        keys={role: tuple(row[f"{role}_key"] for row in ordered) for role in ROLES},
        scores={name: {role: column(f"{name}/{role}/test") for role in ROLES} for name in MEASURES},
        agreement={where: column(f"agreement/{where}/test") for where in AGREEMENTS},
        gap_se=column("gap_se/test"),
        num_undefined=sum(bool(row.get("undefined/test")) for row in ordered),
    )


def _numbers(values: Iterable[Any]) -> Floats:
    return np.array([np.nan if value is None else float(value) for value in values])
