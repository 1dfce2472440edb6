"""How sure, by formulas: standard errors of paired differences, Wilson's and Fieller's intervals.

Items of one group stand or fall together. Seeds of a task share its frozen test set: they are crossed with items, so
the variance of a mean over both is (MS items + MS seeds - MS of what is left) / their number (the analysis of
variance with two random factors; Searle, Casella and McCulloch 1992). What is left belongs to both, and counts once.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Interval:
    """Bounds of a central interval; `level` is its nominal coverage."""

    low: float
    high: float
    level: float


def paired_se(difference_N: NDArray[np.floating], group_N: NDArray[np.integer]) -> float:
    """Standard error of a mean of per-item differences, robust to groups of items (Liang and Zeger 1986)."""
    return float(np.sqrt(_item_covariance(difference_N[None], group_N)[0, 0]))


def task_se(difference_SN: NDArray[np.floating], group_N: NDArray[np.integer]) -> float:
    """Standard error of a task's mean difference over seeds: test items, and the spread between seeds."""
    return float(np.sqrt(task_covariance(difference_SN[None], group_N)[0, 0]))


def task_covariance(value_CSN: NDArray[np.floating], group_N: NDArray[np.integer]) -> Floats:
    """Covariances [C, C] of the means of C values of each seed and item: of test items, and of seeds.

    Infinite on the diagonal where there is only one group of items.
    """
    found = _item_covariance(value_CSN.mean(axis=1), group_N)
    if value_CSN.shape[1] == 1 or np.isinf(found[0, 0]):
        return found
    return found + _positive_part(seed_covariance(value_CSN, group_N))


def seed_covariance(value_CSN: NDArray[np.floating], group_N: NDArray[np.integer]) -> Floats:
    """Covariances [C, C] of means over at least two seeds that are of seeds alone: what items leave of their spread.

    An unbiased estimate of little: a variance may come out negative, and is nan for one group of items.
    """
    num_seeds = value_CSN.shape[1]
    mean_CS = value_CSN.mean(axis=2)
    spread = np.atleast_2d(np.cov(mean_CS, ddof=1)) / num_seeds
    left_CSN = value_CSN - mean_CS[:, :, None] - value_CSN.mean(axis=1, keepdims=True)
    left = sum(_item_covariance(left_CSN[:, seed], group_N) for seed in range(num_seeds))
    found: Floats = spread - left / (num_seeds * (num_seeds - 1))
    return found


def score_interval(share: float, se: float, num_items: int, *, level: float = 0.95) -> Interval | None:
    """Wilson's interval of a share whose standard error is not that of independent items.

    It takes the number of independent items that would have this error, p (1 - p) / se² (Kish 1965: the effective
    sample size), or `num_items` where the share is 0 or 1. None where the error is not known.
    """
    if not num_items or not np.isfinite(se):
        return None
    independent = share * (1 - share) / se**2 if se > 0 and 0 < share < 1 else num_items
    return wilson(share * independent, independent, level=level)


def wilson(num_right: float, num_items: float, *, level: float = 0.95) -> Interval | None:
    """Interval of a single accuracy (Wilson 1927); None without items."""
    if not num_items:
        return None
    z, share = _z(level), num_right / num_items
    scale = 1 + z**2 / num_items
    centre = (share + z**2 / (2 * num_items)) / scale
    half = z * np.sqrt(share * (1 - share) / num_items + z**2 / (4 * num_items**2)) / scale
    low = 0.0 if not num_right else float(centre - half)
    high = 1.0 if num_right == num_items else float(centre + half)
    return Interval(low=low, high=high, level=level)


def fieller(
    gain: float, gap: float, var_gain: float, var_gap: float, covariance: float, *, level: float = 0.95
) -> Interval | None:
    """Analytic interval of gain / gap (Fieller 1954) for normal means; None where it is unbounded."""
    z2 = _z(level) ** 2
    a, b, c = gap**2 - z2 * var_gap, gain * gap - z2 * covariance, gain**2 - z2 * var_gain
    discriminant = b**2 - a * c
    if a <= 0 or discriminant < 0:
        return None
    root = float(np.sqrt(discriminant))
    return Interval(low=(b - root) / a, high=(b + root) / a, level=level)


def _item_covariance(value_CN: NDArray[np.floating], group_N: NDArray[np.integer]) -> Floats:
    """Covariances [C, C] of means over items, robust to groups."""
    _, code_N, size_G = np.unique(group_N, return_inverse=True, return_counts=True)
    num_groups, num_items = len(size_G), len(group_N)
    if num_groups < 2:
        return np.diag(np.full(len(value_CN), np.inf))
    sums_CG = np.stack([np.bincount(code_N, weights=each_N, minlength=num_groups) for each_N in value_CN])
    residual_CG = sums_CG - size_G * (sums_CG.sum(axis=1, keepdims=True) / num_items)
    found: Floats = residual_CG @ residual_CG.T * (num_groups / (num_groups - 1)) / num_items**2
    return found


def _positive_part(covariance: Floats) -> Floats:
    """The nearest covariance without negative variances in any direction."""
    value_C, vector_CC = np.linalg.eigh(covariance)
    found: Floats = (vector_CC * np.maximum(value_C, 0.0)) @ vector_CC.T
    return found


def _z(level: float) -> float:
    """The normal quantile of a central interval."""
    return NormalDist().inv_cdf((1 + level) / 2)
