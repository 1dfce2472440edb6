"""`SweepResults` for other programs: the part `statistics` of `aggregate.json`. Undefined numbers are None."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from w2s_ray.metrics.intervals import Interval
from w2s_ray.metrics.recovery import TaskMean
from w2s_ray.metrics.scaling import Line
from w2s_ray.report.results import (
    ArmResult,
    Comparison,
    Estimate,
    Reading,
    SweepResults,
    TaskResult,
    Trend,
)


def statistics(found: SweepResults) -> dict[str, Any]:
    """Everything in `found`; `arms` are in the order of the aggregate's own, which say what they are.

    Intervals are [low, high] at `level`. An arm has its readings by measure and choice of cells (see
    `report.results`), its tasks, and the sizes of its models.
    """
    return {
        "level": found.level,
        "draws": found.draws,
        "arms": [_arm(arm) for arm in found.arms],
        "comparisons": [_comparison(each) for each in found.comparisons],
        "trends": [_trend(each) for each in found.trends],
    }


def _arm(arm: ArmResult) -> dict[str, Any]:
    readings = {
        measure: {choice: _reading(its) for choice, its in by_choice.items()}
        for measure, by_choice in arm.readings.items()
    }
    sizes = {role: asdict(size) for role, size in (("weak", arm.weak_size), ("strong", arm.strong_size))}
    return {
        "id": arm.id,
        "label": arm.label,
        "sizes": sizes,
        "readings": readings,
        "tasks": [_task(task) for task in arm.tasks],
    }


def _reading(reading: Reading) -> dict[str, Any]:
    return {
        "num_tasks": len(reading.tasks),
        "median": _estimate(reading.median),
        "ratio_of_means": _estimate(reading.ratio_of_means) | {"fieller": _interval(reading.fieller)},
        "pooled": _estimate(reading.pooled),
        "undefined": [
            {"task": task.task, "gain": task.recovery.gain, "why": reading.undefined[task.task]}
            for task in reading.tasks
            if task.task in reading.undefined
        ],
        "no_interval": reading.no_interval,
    }


def _estimate(estimate: Estimate) -> dict[str, Any]:
    return {
        "value": estimate.value,
        "these": _interval(estimate.these),
        "like": _interval(estimate.like),
    }


def _task(task: TaskResult) -> dict[str, Any]:
    return {
        "task": task.mean.task,
        "role": task.role,
        "seeds": list(task.seeds),
        **_recovery(task.mean),
        "interval": _interval(task.interval),
        "fieller": _interval(task.fieller),
        "accuracy": {role: _interval(its) for role, its in task.accuracy.items()},
        "agreement": dict(task.agreement),
    }


def _recovery(mean: TaskMean) -> dict[str, Any]:
    found = asdict(mean.recovery)
    return found | {"gap_se": mean.se if mean.se < float("inf") else None}


def _comparison(each: Comparison) -> dict[str, Any]:
    found = asdict(each)
    worst, value = each.tests.worst
    found["tests"] |= {"worst": {"task": worst, "difference": value}}
    return found | {"interval": _interval(each.interval)}


def _trend(each: Trend) -> dict[str, Any]:
    return {
        "what": each.what,
        "label": each.label,
        "axis": each.axis,
        "points": [asdict(point) for point in each.points],
        "line": _line(each.line),
    }


def _line(line: Line) -> dict[str, Any]:
    band = [{"x": place.x, "y": place.y, "interval": _interval(place.interval)} for place in line.places]
    return {"slope": line.slope, "interval": _interval(line.interval), "band": band}


def _interval(interval: Interval | None) -> list[float] | None:
    return None if interval is None else [interval.low, interval.high]
