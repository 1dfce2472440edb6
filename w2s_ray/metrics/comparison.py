"""Is one method better than another, over tasks: paired tests, and what so few tasks could show at all.

A difference is that of the two students' accuracies on one task, taught by the same supervisor: the pair of models
is fixed, so it needs no ratio. A task is one observation, whatever its seeds and items (Demšar 2006, "Statistical
comparisons of classifiers over multiple data sets").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

DIGITS = 9  # of a difference: what is beyond is rounding, and would break ties
POWER = 0.8  # of the minimum detectable effect


@dataclass(frozen=True, kw_only=True)
class PairedTests:
    """Tests of per-task differences (first minus second) in accuracy, in -1..1.

    `wilcoxon` and `sign` are two-sided p-values, `least_p` the smallest that so many tasks can give: above .05 under
    six tasks. `worst` is the lowest difference and the task it was seen on. `detectable` is the true mean
    difference that a test at this level would find with a power of .8; None where the spread between tasks is not
    known (one task).
    """

    num_tasks: int
    mean: float
    wins: int
    ties: int
    losses: int
    wilcoxon: float
    sign: float
    least_p: float
    worst: tuple[str, float]
    detectable: float | None


def paired_tests(differences: Mapping[str, float], *, level: float = 0.95) -> PairedTests | None:
    """Tests of differences by task; None without a task.

    Wilcoxon's signed-rank test is exact where ranks allow it; tasks without a difference split their ranks between
    the signs (as in Demšar 2006, section 3.1.3), and the sign test leaves them out.
    """
    from scipy import stats

    if not differences:
        return None
    value_T = np.round(list(differences.values()), DIGITS)
    wins, losses = int((value_T > 0).sum()), int((value_T < 0).sum())
    worst = min(differences, key=lambda task: differences[task])
    decided = wins + losses
    return PairedTests(
        num_tasks=len(value_T),
        mean=float(value_T.mean()),
        wins=wins,
        ties=len(value_T) - decided,
        losses=losses,
        wilcoxon=float(stats.wilcoxon(value_T, zero_method="zsplit").pvalue) if decided else 1.0,
        sign=float(stats.binomtest(wins, decided).pvalue) if decided else 1.0,
        least_p=min(1.0, 2.0 ** (1 - len(value_T))),
        worst=(worst, float(differences[worst])),
        detectable=detectable(value_T.tolist(), level=level),
    )


def detectable(differences: Sequence[float], *, level: float = 0.95, power: float = POWER) -> float | None:
    """The smallest true mean difference that a paired t-test at `level` finds with `power`; None for one task.

    (t[1 - (1 - level) / 2] + t[power]) · s / √n with n - 1 degrees of freedom (Bloom 1995, "Minimum detectable
    effects"), s the standard deviation of the differences.
    """
    from scipy import stats

    num = len(differences)
    if num < 2:
        return None
    multiplier = stats.t.ppf((1 + level) / 2, num - 1) + stats.t.ppf(power, num - 1)
    return float(multiplier * np.std(differences, ddof=1) / np.sqrt(num))


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values adjusted for being many, by Holm's step-down procedure (1979), in the order given.

    The k-th smallest of m is multiplied by m - k + 1; none may be under a smaller one's, nor above 1.
    """
    num = len(p_values)
    order = np.argsort(p_values, kind="stable")
    stepped = np.asarray(p_values, dtype=float)[order] * np.arange(num, 0, -1)
    adjusted = np.empty(num)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(stepped)) if num else stepped
    return [float(value) for value in adjusted]
