"""Methods against the baseline of their pair, over tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from w2s_ray.metrics.bootstrap import Floats, central
from w2s_ray.metrics.comparison import holm, paired_tests
from w2s_ray.metrics.intervals import Interval
from w2s_ray.report.cells import TaskCells
from w2s_ray.report.results import MEASURES, ArmResult, Comparison

BASELINE = "naive"


@dataclass(frozen=True, kw_only=True)
class Traced:
    """An arm with its cells by task, and the draws [draws] that may meet other arms' where they were made.

    `gain_D` is the mean gain over all its tasks, `ratio_D` its ratio of means, `agreement_D` its mean agreement on
    the supervisor's mistakes; None where a task could not be resampled.
    """

    arm: ArmResult
    cells: tuple[TaskCells, ...]
    gain_D: Floats | None
    ratio_D: Floats | None
    agreement_D: Floats | None


def comparisons(arms: Sequence[Traced], *, level: float) -> list[Comparison]:
    """Every arm against its pair's baseline, corrected for the number of comparisons of a pair and measure."""
    pairs: dict[tuple[str, str], list[Traced]] = {}
    for each in arms:
        if each.cells:
            pairs.setdefault((each.arm.weak, each.arm.strong), []).append(each)
    return [
        found
        for its in pairs.values()
        for measure in MEASURES
        for found in _corrected(_of_pair(its, measure, level))
    ]


def _of_pair(arms: Sequence[Traced], measure: str, level: float) -> list[Comparison]:
    baseline = next((each for each in arms if each.arm.method == BASELINE), arms[0])
    found = []
    for each in arms:
        differences = _differences(each, baseline, measure)
        tests = paired_tests(differences, level=level) if each is not baseline else None
        if tests is not None:
            found.append(
                Comparison(
                    measure=measure,
                    weak=each.arm.weak,
                    strong=each.arm.strong,
                    arm=each.arm.id,
                    label=each.arm.label,
                    baseline=baseline.arm.id,
                    baseline_label=baseline.arm.label,
                    differences=differences,
                    tests=tests,
                    wilcoxon_holm=tests.wilcoxon,
                    sign_holm=tests.sign,
                    interval=_interval(each, baseline, level) if measure == "accuracy" else None,
                )
            )
    return found


def _corrected(found: Sequence[Comparison]) -> list[Comparison]:
    wilcoxon, sign = (holm([getattr(each.tests, name) for each in found]) for name in ("wilcoxon", "sign"))
    return [
        replace(each, wilcoxon_holm=mine, sign_holm=its)
        for each, mine, its in zip(found, wilcoxon, sign, strict=True)
    ]


def _differences(mine: Traced, baseline: Traced, measure: str) -> dict[str, float]:
    """Mean difference of student scores by task, over the seeds that both have."""
    others = {cells.task: _by_seed(cells, measure) for cells in baseline.cells}
    found = {}
    for cells in mine.cells:
        own, its = _by_seed(cells, measure), others.get(cells.task, {})
        shared = [own[seed] - its[seed] for seed in own if seed in its]
        if shared:
            found[cells.task] = float(np.mean(shared))
    return found


def _by_seed(cells: TaskCells, measure: str) -> Mapping[int, float]:
    if measure not in cells.measures:
        return {}
    return dict(zip(cells.seeds, cells.scores[measure]["student"].tolist(), strict=True))


def _interval(mine: Traced, baseline: Traced, level: float) -> Interval | None:
    """Where both have the same tasks and seeds, and so the same draws of them."""
    same = [(cells.task, cells.seeds) for cells in mine.cells] == [
        (cells.task, cells.seeds) for cells in baseline.cells
    ]
    if mine.gain_D is None or baseline.gain_D is None or not same:
        return None
    return central(mine.gain_D - baseline.gain_D, level=level)
