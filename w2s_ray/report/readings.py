"""One arm's PGR by one measure over one choice of its cells: point estimates, and both readings of the bootstrap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from w2s_ray.metrics.bootstrap import (
    MIN_TASKS,
    Floats,
    bounded,
    level_for_few,
    ratio_interval,
    ratios,
    task_draws,
)
from w2s_ray.metrics.intervals import Interval, fieller
from w2s_ray.metrics.recovery import TaskMean, aggregates
from w2s_ray.report.cells import TaskCells
from w2s_ray.report.draws import NO_ITEMS, ONE_SEED, Drawn
from w2s_ray.report.results import ROLES, Estimate, Reading

Covariances = Mapping[str, Floats]  # by task, of gain and gap first: see `cells.covariance`


@dataclass(frozen=True, kw_only=True)
class _Intervals:
    """Of a ratio of means and of a median, over the same tasks."""

    ratio: Interval | None = None
    median: Interval | None = None


_NONE = _Intervals()


def read(
    cells: Sequence[TaskCells],
    measure: str,
    covariances: Covariances,
    drawn: Mapping[str, Drawn],
    *,
    level: float,
    draws: int,
) -> Reading | None:
    """The reading of these cells by a measure; None where a cell lacks it, or there is none.

    `covariances` are those of accuracy, by task, where test items are known.
    """
    if not cells or any(measure not in each.measures for each in cells):
        return None
    tasks = tuple(task_mean(each, measure, covariances.get(each.task)) for each in cells)
    numbers = aggregates(tasks)
    kept = [task.task for task in tasks if task.task not in numbers.undefined]
    every = [task.task for task in tasks]
    these, like = _both(tasks, kept, drawn, level, draws)
    of_all = (these, like) if kept == every else _both(tasks, every, drawn, level, draws)
    pooled = tuple(its.ratio if numbers.pooled is not None else None for its in of_all)
    return Reading(
        tasks=tasks,
        median=Estimate(value=numbers.median, these=these.median, like=like.median),
        ratio_of_means=Estimate(value=numbers.ratio_of_means, these=these.ratio, like=like.ratio),
        pooled=Estimate(value=numbers.pooled, these=pooled[0], like=pooled[1]),
        undefined=numbers.undefined,
        fieller=_fieller([task for task in tasks if task.task in kept], covariances, level)
        if measure == "accuracy"
        else None,
        no_interval="" if set(every) <= set(drawn) else NO_ITEMS if measure == "accuracy" else ONE_SEED,
    )


def task_mean(cells: TaskCells, measure: str, covariance: Floats | None) -> TaskMean:
    """Means over seeds, and the standard error of the mean gap.

    Of accuracy: over items and seeds; where items are not known, from the cells' own errors. Of AUROC: over seeds
    alone, and 0 for one seed.
    """
    weak, student, ceiling = (float(cells.scores[measure][role].mean()) for role in ROLES)
    return TaskMean(
        task=cells.task, weak=weak, student=student, ceiling=ceiling, se=_se(cells, measure, covariance)
    )


def task_fieller(mean: TaskMean, covariance: Floats | None, level: float) -> Interval | None:
    """The analytic interval of one task's PGR in accuracy; None where its items are not known."""
    return _fieller([mean], {} if covariance is None else {mean.task: covariance}, level)


def _se(cells: TaskCells, measure: str, covariance: Floats | None) -> float:
    if measure != "accuracy":
        gap_S = cells.scores[measure]["ceiling"] - cells.scores[measure]["weak"]
        return float(np.std(gap_S, ddof=1) / np.sqrt(len(gap_S))) if len(gap_S) > 1 else 0.0
    if covariance is not None:
        return float(np.sqrt(covariance[1, 1]))
    own_S = np.nan_to_num(cells.gap_se, nan=1.0)  # nothing is known of this cell's noise
    return float(np.sqrt(np.square(own_S).sum())) / len(own_S)


def _fieller(tasks: Sequence[TaskMean], covariances: Covariances, level: float) -> Interval | None:
    """Of the sum of gains over the sum of gaps; tasks are independent, so their covariances add up."""
    if not tasks or any(task.task not in covariances for task in tasks):
        return None
    total = np.sum([covariances[task.task][:2, :2] for task in tasks], axis=0)
    gain, gap = (sum(getattr(task.recovery, name) for task in tasks) for name in ("gain", "gap"))
    return fieller(gain, gap, total[0, 0], total[1, 1], total[0, 1], level=level)


def _both(
    tasks: Sequence[TaskMean], names: Sequence[str], drawn: Mapping[str, Drawn], level: float, draws: int
) -> tuple[_Intervals, _Intervals]:
    """Over the tasks of these names: for them, and for tasks like them from `MIN_TASKS` on."""
    like = _NONE
    if len(names) >= MIN_TASKS:
        like = _like([task for task in tasks if task.task in names], level, draws)
    if not names or any(name not in drawn for name in names):
        return _NONE, like
    gain_TD, gap_TD = (np.stack([getattr(drawn[name], field) for name in names]) for field in ("gain", "gap"))
    return _over(gain_TD, gap_TD, level), like


def _like(tasks: Sequence[TaskMean], level: float, draws: int) -> _Intervals:
    picked_UD = task_draws([task.task for task in tasks], draws=draws).T
    gain_T, gap_T = (np.array([getattr(task.recovery, name) for task in tasks]) for name in ("gain", "gap"))
    found = _over(gain_T[picked_UD], gap_T[picked_UD], level_for_few(level, len(tasks)))
    return _Intervals(ratio=_at(found.ratio, level), median=_at(found.median, level))


def _at(interval: Interval | None, level: float) -> Interval | None:
    return None if interval is None else replace(interval, level=level)


def _over(gain_TD: Floats, gap_TD: Floats, level: float) -> _Intervals:
    gap_D = gap_TD.sum(axis=0)
    ratio = ratio_interval(ratios(gain_TD.sum(axis=0), gap_D), gap_D, level=level)
    return _Intervals(ratio=ratio, median=bounded(np.median(ratios(gain_TD, gap_TD), axis=0), level=level))
