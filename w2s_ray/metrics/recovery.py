"""Accuracy, AUROC and how much of a gap was recovered.

PGR = gain / gap, gain = student - weak, gap = ceiling - weak (Burns et al. 2023, section 3). It is a ratio
and is treated as one: never clamped, undefined where the gap is within noise, and aggregated as a ratio of
sums or a median over tasks, never as a mean of ratios. An undefined number is None, with a reason; never NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MIN_GAP = 0.03  # a gap under three points is not one, however many items there are
NUM_SE = 2.0


@dataclass(frozen=True, kw_only=True)
class Recovery:
    """Gap, gain and PGR of three scores; `pgr` is None exactly where `undefined` says why."""

    weak: float
    student: float
    ceiling: float
    gap: float
    gain: float
    pgr: float | None
    undefined: str = ""


@dataclass(frozen=True, kw_only=True)
class TaskMean:
    """One task of an arm: scores averaged over its seeds, and the standard error of its mean gap."""

    task: str
    weak: float
    student: float
    ceiling: float
    se: float = 0.0

    @property
    def recovery(self) -> Recovery:
        return recovery(self.weak, self.student, self.ceiling, self.se)


@dataclass(frozen=True, kw_only=True)
class Aggregates:
    """Three readings of one arm, side by side; None where undefined. `undefined` maps tasks to reasons."""

    median: float | None
    ratio_of_means: float | None
    pooled: float | None
    undefined: dict[str, str]


def accuracy(predicted_N: NDArray[np.integer], label_N: NDArray[np.integer]) -> float | None:
    """Fraction of rows predicted right, in 0..1; None without rows."""
    return float(np.mean(predicted_N == label_N)) if len(label_N) else None


def auroc(score_N: NDArray[np.floating], label_N: NDArray[np.integer]) -> float | None:
    """Probability that a row of class 1 scores above one of class 0, ties counting half (Mann-Whitney U).

    None where a class is missing, a score is not a number, or labels are not 0 and 1.
    """
    positive_N = label_N == 1
    num_positive = int(positive_N.sum())
    num_negative = len(label_N) - num_positive
    if (
        not num_positive
        or not num_negative
        or not np.isfinite(score_N).all()
        or not np.isin(label_N, (0, 1)).all()
    ):
        return None
    rank_sum = float(_ranks(score_N)[positive_N].sum())
    return (rank_sum - num_positive * (num_positive + 1) / 2) / (num_positive * num_negative)


def recovery(weak: float, student: float, ceiling: float, se: float = 0.0) -> Recovery:
    """Gap, gain and PGR of scores in 0..1; `se` is the standard error of the (paired) gap."""
    gap, gain = ceiling - weak, student - weak
    reason = undefined_reason(gap, se)
    pgr = None if reason else gain / gap
    return Recovery(
        weak=weak, student=student, ceiling=ceiling, gap=gap, gain=gain, pgr=pgr, undefined=reason
    )


def undefined_reason(gap: float, se: float = 0.0) -> str:
    """Why a PGR over this gap would be noise, as a sentence, or "" where it is defined."""
    if not np.isfinite(gap) or not np.isfinite(se):
        return "the gap is not a number"
    if gap <= 0:
        return f"the ceiling is not above the supervisor (gap {100 * gap:+.1f} points)"
    if gap < MIN_GAP:
        return f"the gap of {100 * gap:.1f} points is under {100 * MIN_GAP:g} points"
    if gap <= NUM_SE * se:  # its lower bound is not above 0
        return f"the gap of {100 * gap:.1f} points is within two standard errors ({100 * se:.1f} points each)"
    return ""


def aggregates(tasks: Sequence[TaskMean]) -> Aggregates:
    """Median of per-task PGR, sum of gains over sum of gaps, and PGR of the pooled accuracies.

    The first two leave out tasks whose own gap is within noise; the third averages every task's accuracies
    first. None of them is clamped.
    """
    each = [(task.task, task.recovery) for task in tasks]
    defined = [found for _, found in each if found.pgr is not None]
    total_gap = sum(found.gap for found in defined)
    return Aggregates(
        median=float(np.median([found.pgr for found in defined])) if defined else None,
        ratio_of_means=sum(found.gain for found in defined) / total_gap if defined else None,
        pooled=pooled(tasks).pgr if tasks else None,
        undefined={name: found.undefined for name, found in each if found.undefined},
    )


def pooled(tasks: Sequence[TaskMean]) -> Recovery:
    """Recovery of the accuracies averaged over all tasks, those with an undefined PGR included."""
    weak, student, ceiling = (
        float(np.mean([getattr(task, role) for task in tasks])) for role in ("weak", "student", "ceiling")
    )
    se = float(np.sqrt(np.sum([task.se**2 for task in tasks]))) / len(tasks)
    return recovery(weak, student, ceiling, se)


def _ranks(score_N: NDArray[np.floating]) -> NDArray[np.floating]:
    """Ranks from 1, ties sharing their mean rank."""
    _, inverse_N, counts = np.unique(score_N, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks_N: NDArray[np.float64] = (last - (counts - 1) / 2)[inverse_N]
    return ranks_N
