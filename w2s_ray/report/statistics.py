"""From tidy tables to the statistics of each arm: task means, aggregates, intervals.

A task's statistic is its mean gain over its mean gap over seeds; the undefined set comes from the point
estimate, and the bootstrap keeps it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from w2s_ray.metrics.intervals import Draws, Interval, TaskItems, bootstrap, ratio_interval, task_se
from w2s_ray.metrics.recovery import Aggregates, TaskMean, aggregates, pooled
from w2s_ray.report.labels import method_labels

if TYPE_CHECKING:
    import pandas as pd

Groups = Callable[[str], NDArray[np.int64] | None]  # name of a test set -> its group codes, if known


@dataclass(frozen=True, kw_only=True)
class TaskResult:
    """One arm on one task: means over seeds, the interval of its own PGR, and the test agreement."""

    mean: TaskMean
    role: str
    seeds: tuple[int, ...]
    interval: Interval | None
    agreement: Mapping[str, float | None]


@dataclass(frozen=True, kw_only=True)
class ArmResult:
    """Everything the report says about one arm; `tasks` in the plan's order.

    A `control` has a student that was not pretrained: it is no rung of the ladder.
    """

    id: str
    weak: str
    strong: str
    method: str
    params: Mapping[str, Any]
    label: str
    tasks: tuple[TaskResult, ...]
    num_cells: int
    num_undefined: int
    num_sick: int
    numbers: Aggregates
    interval: Interval | None
    by_role: Mapping[str, Aggregates]
    control: bool = False

    @property
    def accuracy(self) -> dict[str, float | None]:
        """Means over tasks of means over seeds; None without a finished cell."""
        if not self.tasks:
            return {"weak": None, "student": None, "ceiling": None}
        found = pooled([task.mean for task in self.tasks])
        return {"weak": found.weak, "student": found.student, "ceiling": found.ceiling}


def arm_results(
    arms: pd.DataFrame, cells: pd.DataFrame, stages: pd.DataFrame, groups: Groups, *, level: float, draws: int
) -> list[ArmResult]:
    """Every arm of the plan, in its order; one without finished cells has no numbers."""
    correct = _correct(stages)
    by_task = _draws(cells, correct, groups, draws) if len(cells) else {}
    rows = arms.to_dict("records")
    labels = method_labels([(arm["method"], arm["params"]) for arm in rows])
    return [
        _arm(arm | {"label": label}, _of(cells, arm["id"]), correct, groups, by_task, level)
        for arm, label in zip(rows, labels, strict=True)
    ]


def _of(cells: pd.DataFrame, arm: str) -> pd.DataFrame:
    return cells[cells["arm"] == arm] if len(cells) else cells


def _arm(
    arm: Mapping[str, Any],
    cells: pd.DataFrame,
    correct: Mapping[str, NDArray[np.bool_]],
    groups: Groups,
    draws: Mapping[tuple[str, str], Draws],
    level: float,
) -> ArmResult:
    tasks = []
    for name in dict.fromkeys(cells["task"] if len(cells) else ()):
        rows = cells[cells["task"] == name]
        its_draws = draws.get((str(arm["id"]), name))
        interval = ratio_interval([its_draws], 0, level=level) if its_draws is not None else None
        tasks.append(_task(name, rows, correct, groups, interval))
    numbers = aggregates([task.mean for task in tasks])
    kept = [
        draws.get((str(arm["id"]), task.mean.task)) for task in tasks if task.mean.recovery.pgr is not None
    ]
    whole = [each for each in kept if each is not None]
    roles = sorted({task.role for task in tasks})
    return ArmResult(
        id=arm["id"],
        weak=arm["weak"],
        strong=arm["strong"],
        method=arm["method"],
        params=arm["params"],
        label=arm["label"],
        tasks=tuple(tasks),
        num_cells=len(cells),
        num_undefined=int((cells["undefined/test"] != "").sum()) if len(cells) else 0,
        num_sick=int(cells["sick"].map(bool).sum()) if len(cells) else 0,
        numbers=numbers,
        interval=ratio_interval(whole, 0, level=level) if len(whole) == len(kept) else None,
        by_role={role: aggregates([task.mean for task in tasks if task.role == role]) for role in roles},
        control=bool(cells["control"].any()) if len(cells) else False,
    )


def _task(
    name: str,
    rows: pd.DataFrame,
    correct: Mapping[str, NDArray[np.bool_]],
    groups: Groups,
    interval: Interval | None,
) -> TaskResult:
    weak, student, ceiling = (
        float(rows[f"accuracy/{role}/test"].mean()) for role in ("weak", "student", "ceiling")
    )
    mean = TaskMean(task=name, weak=weak, student=student, ceiling=ceiling, se=_gap_se(rows, correct, groups))
    agreed = {where: _mean(rows, f"agreement/{where}/test") for where in ("all", "weak_right", "weak_wrong")}
    seeds = tuple(int(seed) for seed in rows["seed"])
    return TaskResult(mean=mean, role=rows["role"].iloc[0], seeds=seeds, interval=interval, agreement=agreed)


def _gap_se(rows: pd.DataFrame, correct: Mapping[str, NDArray[np.bool_]], groups: Groups) -> float:
    """Of the mean gap: from the items where their correctness is known, else from the cells' own errors."""
    codes = groups(rows["test_set"].iloc[0])
    try:
        gap = np.stack([_difference(row, "ceiling", correct) for row in rows.to_dict("records")])
    except (KeyError, ValueError):
        codes = None
    if codes is None:
        return float(np.sqrt(np.square(rows["gap_se/test"]).sum())) / len(rows)
    return task_se(gap, codes)


def _draws(
    cells: pd.DataFrame, correct: Mapping[str, NDArray[np.bool_]], groups: Groups, draws: int
) -> dict[tuple[str, str], Draws]:
    """Bootstrap draws by (arm, task): arms with the same seeds of a task share the drawn items and seeds."""
    found: dict[tuple[str, str], Draws] = {}
    for (task, test_set), rows in cells.groupby(["task", "test_set"], sort=False):
        codes = groups(str(test_set))
        if codes is None:
            continue
        alike: dict[tuple[int, ...], list[tuple[str, list[dict[str, Any]]]]] = {}
        for arm, its in rows.groupby("arm", sort=False):
            ordered = its.sort_values("seed")
            alike.setdefault(tuple(ordered["seed"]), []).append((str(arm), ordered.to_dict("records")))
        for members in alike.values():
            try:
                gain, gap = (_stack(members, role, correct) for role in ("student", "ceiling"))
            except (KeyError, ValueError):
                continue  # no per-item results: the report says that there is no interval
            items = TaskItems(task=str(task), gain=gain, gap=gap, group=codes)
            both = bootstrap(items, draws=draws)
            for k, (arm, _) in enumerate(members):
                found[arm, str(task)] = Draws(gain=both.gain[:, k : k + 1], gap=both.gap[:, k : k + 1])
    return found


def _stack(
    members: Sequence[tuple[str, list[dict[str, Any]]]], role: str, correct: Mapping[str, NDArray[np.bool_]]
) -> NDArray[np.float32]:
    return np.stack([np.stack([_difference(row, role, correct) for row in rows]) for _, rows in members])


def _difference(
    row: Mapping[str, Any], role: str, correct: Mapping[str, NDArray[np.bool_]]
) -> NDArray[np.float32]:
    return correct[row[f"{role}_key"]].astype(np.float32) - correct[row["weak_key"]].astype(np.float32)


def _correct(stages: pd.DataFrame) -> dict[str, NDArray[np.bool_]]:
    rows = stages.to_dict("records")
    return {row["key"]: row["correct"] for row in rows if isinstance(row.get("correct"), np.ndarray)}


def _mean(rows: pd.DataFrame, column: str) -> float | None:
    values = rows[column].dropna() if column in rows else []
    return float(np.mean(values)) if len(values) else None
