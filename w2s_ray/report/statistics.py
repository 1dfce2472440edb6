"""From tidy tables to the statistics of a sweep: the readings of each arm, then what compares arms.

A task's statistic is its mean gain over its mean gap over seeds; the undefined set comes from the point estimate,
and the bootstrap keeps it. Arms are resampled in batches, so memory does not grow with their number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from w2s_ray.metrics.bootstrap import Floats, ratio_interval, ratios
from w2s_ray.metrics.intervals import Interval, score_interval
from w2s_ray.metrics.recovery import Aggregates, TaskMean, aggregates
from w2s_ray.report.cells import AGREEMENTS, Groups, Items, TaskCells, cells_by_arm, covariance, items_of
from w2s_ray.report.comparisons import Traced, comparisons
from w2s_ray.report.draws import ArmDraws, Drawn, draw_arms
from w2s_ray.report.labels import method_labels
from w2s_ray.report.readings import Covariances, read, task_fieller, task_mean
from w2s_ray.report.results import MEASURES, ROLES, ArmResult, ModelSize, Reading, SweepResults, TaskResult
from w2s_ray.report.trends import trends

if TYPE_CHECKING:
    import pandas as pd

_BATCH = 32  # arms at a time; has no effect on the numbers


def sweep_results(
    arms: pd.DataFrame, cells: pd.DataFrame, stages: pd.DataFrame, groups: Groups, *, level: float, draws: int
) -> SweepResults:
    """Every arm of the plan, in its order (one without finished cells has no numbers), and what compares them."""
    items, by_arm = items_of(stages, groups), cells_by_arm(cells)
    rows = arms.to_dict("records")
    labels = method_labels([(arm["method"], arm["params"]) for arm in rows])
    named = [arm | {"label": label} for arm, label in zip(rows, labels, strict=True)]
    first = {row["arm"]: row for row in reversed(cells.to_dict("records"))}
    traced: list[Traced] = []
    for start in range(0, len(named), _BATCH):
        batch = {str(arm["id"]): by_arm.get(str(arm["id"]), []) for arm in named[start : start + _BATCH]}
        drawn = draw_arms(batch, items, draws=draws)
        for arm in named[start : start + _BATCH]:
            its = batch[arm["id"]]
            result = _arm(arm, its, items, drawn[arm["id"]], first.get(arm["id"], {}), level)
            traced.append(_traced(result, its, drawn.pop(arm["id"])))
    return SweepResults(
        arms=tuple(each.arm for each in traced),
        comparisons=tuple(comparisons(traced, level=level)),
        trends=tuple(trends(traced, level=level)),
        level=level,
        draws=draws,
    )


def _arm(
    arm: Mapping[str, Any],
    cells: Sequence[TaskCells],
    items: Items,
    drawn: ArmDraws,
    row: Mapping[str, Any],
    level: float,
) -> ArmResult:
    """`row` is the table's row of any of its cells."""
    whole = {each.task: covariance(each, items) for each in cells if items.known(each)}
    readings = _readings(cells, items, whole, drawn, level)
    accuracy = readings.get("accuracy", {})
    roles = sorted({each.role for each in cells})
    own = accuracy.get("all")
    return ArmResult(
        id=arm["id"],
        weak=arm["weak"],
        strong=arm["strong"],
        method=arm["method"],
        params=arm["params"],
        label=arm["label"],
        tasks=tuple(
            _task(each, items, whole.get(each.task), drawn.of("accuracy", "all").get(each.task), level)
            for each in cells
        ),
        num_cells=sum(len(each.seeds) for each in cells),
        num_undefined=sum(each.num_undefined for each in cells),
        num_sick=sum(sum(each.sick) for each in cells),
        numbers=_numbers(own),
        interval=own.ratio_of_means.these if own else None,
        by_role={role: _numbers(accuracy.get(role if len(roles) > 1 else "all")) for role in roles},
        control=bool(row.get("control", False)),
        readings=readings,
        weak_size=_size(row, "weak"),
        strong_size=_size(row, "student"),
    )


def _readings(
    cells: Sequence[TaskCells], items: Items, whole: Covariances, drawn: ArmDraws, level: float
) -> dict[str, dict[str, Reading]]:
    """By measure and choice of cells."""
    healthy = [its for its in (each.well() for each in cells) if its is not None]
    sick = any(any(each.sick) for each in cells)
    apart = {each.task: covariance(each, items) for each in healthy if sick and items.known(each)}
    roles = sorted({each.role for each in cells})
    chosen = {"all": list(cells)}
    chosen |= {role: [each for each in cells if each.role == role] for role in roles if len(roles) > 1}
    found: dict[str, dict[str, Reading]] = {}
    for measure in MEASURES:
        its = {
            name: read(some, measure, whole, drawn.of(measure, name), level=level, draws=drawn.num)
            for name, some in chosen.items()
        }
        its["well"] = its["all"]
        if sick:
            gains = drawn.of(measure, "well")
            its["well"] = read(healthy, measure, apart, gains, level=level, draws=drawn.num)
        if its["all"] is not None:
            found[measure] = {name: reading for name, reading in its.items() if reading is not None}
    return found


def _task(cells: TaskCells, items: Items, cov: Floats | None, its: Drawn | None, level: float) -> TaskResult:
    mean = task_mean(cells, "accuracy", cov)
    num_items = len(items.correct[cells.keys["weak"][0]]) if cov is not None else 0
    return TaskResult(
        mean=mean,
        role=cells.role,
        seeds=cells.seeds,
        interval=None if its is None else ratio_interval(ratios(its.gain, its.gap), its.gap, level=level),
        agreement={where: _known_mean(cells.agreement[where]) for where in AGREEMENTS},
        fieller=task_fieller(mean, cov, level),
        accuracy={} if cov is None else _score_intervals(mean, cov, num_items, level),
    )


def _score_intervals(mean: TaskMean, cov: Floats, num_items: int, level: float) -> dict[str, Interval | None]:
    """Wilson's, of the three mean accuracies; their errors are the last on the covariances' diagonal."""
    return {
        role: score_interval(getattr(mean, role), float(np.sqrt(cov[place, place])), num_items, level=level)
        for place, role in enumerate(ROLES, start=2)
    }


def _traced(arm: ArmResult, cells: Sequence[TaskCells], drawn: ArmDraws) -> Traced:
    """An arm with the draws that comparisons and trends share; those of its tasks are let go."""
    gains, names = drawn.of("accuracy", "all"), [each.task for each in cells]
    whole = bool(names) and all(name in gains for name in names)
    kept = [name for name in names if arm.numbers.undefined.get(name) is None]
    ratio_D = None
    if whole and kept:
        ratio_D = ratios(
            np.sum([gains[name].gain for name in kept], axis=0),
            np.sum([gains[name].gap for name in kept], axis=0),
        )
    agreed = [drawn.agreement[name] for name in names if name in drawn.agreement]
    return Traced(
        arm=arm,
        cells=tuple(cells),
        gain_D=np.mean([gains[name].gain for name in names], axis=0) if whole else None,
        ratio_D=ratio_D,
        agreement_D=np.mean(agreed, axis=0) if names and len(agreed) == len(names) else None,
    )


def _numbers(reading: Reading | None) -> Aggregates:
    if reading is None:
        return aggregates([])
    return Aggregates(
        median=reading.median.value,
        ratio_of_means=reading.ratio_of_means.value,
        pooled=reading.pooled.value,
        undefined=dict(reading.undefined),
    )


def _size(row: Mapping[str, Any], role: str) -> ModelSize:
    return ModelSize(
        parameters=int(row.get(f"{role}_parameters", 0)), flops=float(row.get(f"{role}_compute", 0.0))
    )


def _known_mean(value_S: Floats) -> float | None:
    known = value_S[np.isfinite(value_S)]
    return float(known.mean()) if len(known) else None
