"""Accuracy by difficulty, which is told by the smallest supervisor that has an item right (metrics.difficulty)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from w2s_ray.metrics.difficulty import accuracy_by_level, difficulty, levels
from w2s_ray.report.analyses import ROLES, ArmName, by_arm, by_task

if TYPE_CHECKING:
    import pandas as pd

NOBODY = "none"  # of the supervisors has the item right
Bits = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class DifficultyRow:
    """One arm on the test items of one difficulty of one task; accuracies in 0..1 over items and seeds.

    `level` names the supervisor, smallest first, or is `none`. `weak` follows from the level's definition.
    """

    arm: ArmName
    task: str
    level: str
    num_items: int
    weak: float
    student: float
    ceiling: float


@dataclass(frozen=True, kw_only=True)
class _Scale:
    """The supervisors of a task, smallest first, the seeds that all of them have, and each item's level."""

    names: tuple[str, ...]
    seeds: frozenset[int]
    level_N: NDArray[np.int64]


def easy_to_hard(cells: pd.DataFrame, stages: pd.DataFrame) -> list[DifficultyRow]:
    """A row per arm, task and difficulty that has items, the easiest first.

    A task needs two supervisors of known size, and the correctness of each test item; others have no rows. Seeds
    that not all supervisors have are left out.
    """
    rows = stages.to_dict("records")
    correct = {row["key"]: row["correct"] for row in rows if isinstance(row.get("correct"), np.ndarray)}
    scales = {task: _scale(its, correct) for task, its in by_task(cells.to_dict("records")).items()}
    return [
        row
        for arm, its in by_arm(cells)
        for task, members in by_task(its).items()
        if (scale := scales[task]) is not None
        for row in _arm_rows(arm, task, members, scale, correct)
    ]


def _scale(cells: Sequence[dict[str, Any]], correct: Mapping[str, Bits]) -> _Scale | None:
    sizes = {cell["weak"]: cell["weak_parameters"] for cell in cells}
    names = sorted(sizes, key=lambda name: (sizes[name], name))
    keys = {(cell["weak"], cell["seed"]): cell["weak_key"] for cell in cells if cell["weak_key"] in correct}
    seeds = [
        seed
        for seed in sorted({cell["seed"] for cell in cells})
        if all((name, seed) in keys for name in names)
    ]
    if (
        len(names) < 2
        or not all(sizes.values())
        or not seeds
        or len({cell["test_set"] for cell in cells}) > 1
    ):
        return None
    right_KSN = np.stack([np.stack([correct[keys[name, seed]] for seed in seeds]) for name in names])
    return _Scale(names=tuple(names), seeds=frozenset(seeds), level_N=levels(difficulty(right_KSN)))


def _arm_rows(
    arm: ArmName, task: str, cells: Sequence[dict[str, Any]], scale: _Scale, correct: Mapping[str, Bits]
) -> list[DifficultyRow]:
    known = [
        cell
        for cell in cells
        if cell["seed"] in scale.seeds and all(cell[f"{role}_key"] in correct for role in ROLES)
    ]
    if not known:
        return []
    weak, student, ceiling = (
        accuracy_by_level(np.stack([correct[cell[f"{role}_key"]] for cell in known]), scale.level_N)
        for role in ROLES
    )
    return [
        DifficultyRow(
            arm=arm,
            task=task,
            level=(*scale.names, NOBODY)[its.level],
            num_items=its.num_items,
            weak=its.accuracy,
            student=student[place].accuracy,
            ceiling=ceiling[place].accuracy,
        )
        for place, its in enumerate(weak)
    ]
