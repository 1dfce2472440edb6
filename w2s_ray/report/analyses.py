"""Analyses of each arm as tables, from the tidy cells of an experiment: a function a table, a dataclass a row.

Numbers of an arm are means over its tasks of means over seeds, on test rows. Where an experiment does not have a
metric, because it is older or because its answers are texts, there is no row, or None in its place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from w2s_ray.metrics.misfit import DIVERGENCES
from w2s_ray.metrics.recovery import Aggregates, TaskMean, aggregates
from w2s_ray.metrics.stops import RULES
from w2s_ray.report.labels import method_labels

if TYPE_CHECKING:
    import pandas as pd

ROLES = ("weak", "student", "ceiling")


@dataclass(frozen=True, kw_only=True)
class ArmName:
    """Which arm a row is about; `method` names the parameters in which arms differ."""

    id: str
    weak: str
    strong: str
    method: str


@dataclass(frozen=True, kw_only=True)
class CorrectionRow:
    """Shares of rows in 0..1: `mistakes` are those that the supervisor has wrong.

    `agrees_on_mistakes` is how often the student repeats one, `correction` how often it has the row right instead,
    `retention` how often it keeps what the supervisor has right.
    """

    arm: ArmName
    agrees_on_mistakes: float | None
    correction: float | None
    retention: float | None


@dataclass(frozen=True, kw_only=True)
class CalibrationRow:
    """Calibration of one role: errors in 0..1, the Brier score in 0..2."""

    arm: ArmName
    role: str
    ece: float | None
    adaptive_ece: float | None
    brier: float | None


@dataclass(frozen=True, kw_only=True)
class ConfidenceRow:
    """Right and wrong test answers of one role by confidence, in bins of equal width over 0..1, all cells together."""

    arm: ArmName
    role: str
    right: tuple[int, ...]
    wrong: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class MisfitRow:
    """One cell: how far its student is from its supervisor, and what it gained, in one loss (metrics.misfit)."""

    arm: ArmName
    task: str
    seed: int
    divergence: str
    misfit: float
    gain: float


@dataclass(frozen=True, kw_only=True)
class StopRow:
    """Students of one arm had they stopped by `rule`; `accuracy` in 0..1, over tasks whose course was seen.

    `oracle` chooses on the truth: an upper bound, and no method.
    """

    arm: ArmName
    rule: str
    accuracy: float
    pgr: Aggregates


def corrections(cells: pd.DataFrame) -> list[CorrectionRow]:
    """A row per arm that tells what became of its supervisor's mistakes."""
    words = {
        "agrees_on_mistakes": "agreement/weak_wrong/test",
        "correction": "correction/test",
        "retention": "retention/test",
    }
    found = [(arm, _means(rows, words)) for arm, rows in by_arm(cells)]
    return [CorrectionRow(arm=arm, **its) for arm, its in found if its["retention"] is not None]


def calibrations(cells: pd.DataFrame) -> list[CalibrationRow]:
    """A row per arm and role."""
    rows = []
    for arm, its in by_arm(cells):
        for role in ROLES:
            means = _means(its, {name: f"{name}/{role}/test" for name in ("ece", "adaptive_ece", "brier")})
            if means["ece"] is not None:
                rows.append(CalibrationRow(arm=arm, role=role, **means))
    return rows


def confidences(cells: pd.DataFrame, stages: pd.DataFrame) -> list[ConfidenceRow]:
    """A row per arm and role; a training that several cells share counts once."""
    counts = {row["key"]: row.get("confidence") for row in stages.to_dict("records")}
    rows = []
    for arm, its in by_arm(cells):
        for role in ROLES:
            keys = dict.fromkeys(cell[f"{role}_key"] for cell in its)
            known = [counts[key] for key in keys if isinstance(counts.get(key), dict)]
            if known:
                right, wrong = (np.sum([each[word] for each in known], axis=0) for word in ("right", "wrong"))
                rows.append(
                    ConfidenceRow(
                        arm=arm, role=role, right=tuple(right.tolist()), wrong=tuple(wrong.tolist())
                    )
                )
    return rows


def misfits(cells: pd.DataFrame) -> list[MisfitRow]:
    """A row per cell and divergence: the points of a plot of gain against misfit."""
    return [
        MisfitRow(arm=arm, task=cell["task"], seed=cell["seed"], divergence=name, misfit=misfit, gain=gain)
        for arm, its in by_arm(cells)
        for cell in its
        for name in DIVERGENCES
        for misfit, gain in [(number(cell, f"misfit/{name}/test"), number(cell, f"gain/{name}/test"))]
        if misfit is not None and gain is not None
    ]


def stop_rules(cells: pd.DataFrame, means: Mapping[str, Sequence[TaskMean]]) -> list[StopRow]:
    """A row per arm and stopping rule.

    `means` are the task means of each arm (by id), whose standard errors of gaps say where a PGR is undefined, so
    that every rule is read on the tasks of the arm's own PGR.
    """
    rows = []
    for arm, its in by_arm(cells):
        se = {mean.task: mean.se for mean in means.get(arm.id, ())}
        for rule in RULES:
            column = f"stop/{rule}/test"
            seen = [cell for cell in its if number(cell, column) is not None]
            tasks = [_task_mean(name, rows_, column, se) for name, rows_ in by_task(seen).items()]
            if tasks:
                accuracy = float(np.mean([task.student for task in tasks]))
                rows.append(StopRow(arm=arm, rule=rule, accuracy=accuracy, pgr=aggregates(tasks)))
    return rows


def by_arm(cells: pd.DataFrame) -> list[tuple[ArmName, list[dict[str, Any]]]]:
    """The cells of each arm, in the plan's order."""
    found: dict[str, list[dict[str, Any]]] = {}
    for cell in cells.to_dict("records"):
        found.setdefault(cell["arm"], []).append(cell)
    first = [its[0] for its in found.values()]
    labels = method_labels([(cell["method"], cell["params"]) for cell in first])
    return [
        (ArmName(id=cell["arm"], weak=cell["weak"], strong=cell["strong"], method=label), found[cell["arm"]])
        for cell, label in zip(first, labels, strict=True)
    ]


def by_task(cells: Sequence[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Cells by task, in the plan's order."""
    found: dict[str, list[dict[str, Any]]] = {}
    for cell in cells:
        found.setdefault(cell["task"], []).append(cell)
    return found


def task_means(cells: Sequence[dict[str, Any]], column: str) -> float | None:
    """Mean over tasks of means over seeds, where the metric is known; None where it is nowhere."""
    each = []
    for rows in by_task(cells).values():
        known = [value for cell in rows if (value := number(cell, column)) is not None]
        each += [np.mean(known)] if known else []
    return float(np.mean(each)) if each else None


def number(cell: Mapping[str, Any], column: str) -> float | None:
    """A metric of a cell, None where it has none."""
    value = cell.get(column)
    return None if value is None or value != value else float(value)


def _means(cells: Sequence[dict[str, Any]], columns: Mapping[str, str]) -> dict[str, float | None]:
    return {word: task_means(cells, column) for word, column in columns.items()}


def _task_mean(task: str, cells: Sequence[dict[str, Any]], column: str, se: Mapping[str, float]) -> TaskMean:
    weak, student, ceiling = (
        float(np.mean([cell[name] for cell in cells]))
        for name in ("accuracy/weak/test", column, "accuracy/ceiling/test")
    )
    return TaskMean(task=task, weak=weak, student=student, ceiling=ceiling, se=se.get(task, 0.0))
