"""How sure: bootstrap, Wilson and Fieller intervals, and standard errors of paired differences.

The bootstrap is hierarchical and paired: seeds, then groups of test items, the same items for the three
models of a cell. Seeds and items are crossed, for all seeds of a task share its frozen test set, so one draw
of items serves every seed of it. `S - 1` of the S seeds are drawn: with S of them the variance between seeds
would come out too small by the factor (S - 1) / S (Rao and Wu 1988). One seed says nothing about seeds.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_CHUNK = 512  # draws at a time: bounds memory, and has no effect on the numbers
MIN_TASKS = 8  # from here on an interval for "tasks like these" is worth showing


@dataclass(frozen=True, kw_only=True)
class Interval:
    """Bounds of a central interval; `level` is its nominal coverage."""

    low: float
    high: float
    level: float


@dataclass(frozen=True, kw_only=True)
class TaskItems:
    """Per-item differences of one task: `gain` and `gap` are [arms, seeds, items], `group` codes [items]."""

    task: str
    gain: NDArray[np.floating]
    gap: NDArray[np.floating]
    group: NDArray[np.integer]


@dataclass(frozen=True, kw_only=True)
class Draws:
    """Bootstrapped mean gain and gap of one task: [draws, arms]."""

    gain: Floats
    gap: Floats


def bootstrap(items: TaskItems, *, draws: int, seed: int = 0) -> Draws:
    """Resample the seeds and the groups of test items of one task. Equal for equal names, data and `seed`."""
    rng = np.random.default_rng([seed, zlib.crc32(items.task.encode())])
    num_arms, num_seeds, _ = items.gain.shape
    both = np.concatenate([items.gain, items.gap])  # [2K, S, N]
    sums_GC, size_G = _group_sums(both.reshape(2 * num_arms * num_seeds, -1), items.group)
    means = _item_draws(sums_GC, size_G, draws, rng).reshape(draws, 2 * num_arms, num_seeds)
    seeds_DS = _seed_weights(num_seeds, draws, rng)
    mean_DC = np.einsum("dcs,ds->dc", means, seeds_DS)
    return Draws(gain=mean_DC[:, :num_arms], gap=mean_DC[:, num_arms:])


def ratio_interval(
    tasks: Sequence[Draws], arm: int, *, level: float, task_seed: int | None = None
) -> Interval | None:
    """Interval of (sum of gains) / (sum of gaps) of one arm over fixed tasks.

    With `task_seed` the tasks are resampled too: the reading for tasks like these. None where there is no
    task, or where the summed gap comes too near 0 in the draws for a bounded interval.
    """
    if not tasks:
        return None
    gain_DT = np.stack([task.gain[:, arm] for task in tasks], axis=1)
    gap_DT = np.stack([task.gap[:, arm] for task in tasks], axis=1)
    if task_seed is not None:
        rng = np.random.default_rng(task_seed)
        weight_DT = rng.multinomial(len(tasks), np.full(len(tasks), 1 / len(tasks)), size=len(gain_DT))
        gain_DT, gap_DT = gain_DT * weight_DT, gap_DT * weight_DT
    gain_D, gap_D = gain_DT.sum(axis=1), gap_DT.sum(axis=1)
    if np.mean(gap_D <= 0) > (1 - level) / 2:
        return None
    gain_D, gap_D = gain_D[gap_D > 0], gap_D[gap_D > 0]
    low, high = np.quantile(gain_D / gap_D, [(1 - level) / 2, (1 + level) / 2])
    return Interval(low=float(low), high=float(high), level=level)


def paired_se(difference_N: NDArray[np.floating], group_N: NDArray[np.integer]) -> float:
    """Standard error of a mean of per-item differences, robust to groups of items (Liang and Zeger 1986)."""
    sums_GC, size_G = _group_sums(np.asarray(difference_N, dtype=np.float64)[None], group_N)
    num_groups, num_items = len(size_G), int(size_G.sum())
    if num_groups < 2:
        return float("inf")
    residual_G = sums_GC[:, 0] - size_G * (sums_GC[:, 0].sum() / num_items)
    return float(np.sqrt(np.sum(residual_G**2) * num_groups / (num_groups - 1))) / num_items


def task_se(difference_SN: NDArray[np.floating], group_N: NDArray[np.integer]) -> float:
    """Standard error of a task's mean difference over seeds: test items, and the spread between seeds."""
    items = paired_se(difference_SN.mean(axis=0), group_N)
    num_seeds = len(difference_SN)
    if num_seeds < 2:
        return items
    seeds = float(np.var(difference_SN.mean(axis=1), ddof=1)) / num_seeds
    return float(np.sqrt(items**2 + seeds))


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


def _group_sums(
    value_CN: NDArray[np.floating], group_N: NDArray[np.integer]
) -> tuple[Floats, NDArray[np.int64]]:
    """Sums [groups, columns] and sizes [groups] of the items of each group."""
    _, code_N, size_G = np.unique(group_N, return_inverse=True, return_counts=True)
    order_N = np.argsort(code_N, kind="stable")
    starts_G = np.concatenate([[0], np.cumsum(size_G)[:-1]])
    sums_CG = np.add.reduceat(value_CN[:, order_N].astype(np.float64), starts_G, axis=1)
    return sums_CG.T.copy(), size_G


def _item_draws(sums_GC: Floats, size_G: NDArray[np.int64], draws: int, rng: np.random.Generator) -> Floats:
    """Means [draws, columns] over groups drawn with replacement."""
    num_groups = len(size_G)
    columns = np.concatenate([sums_GC, size_G[:, None]], axis=1).astype(np.float32)
    out = np.empty((draws, sums_GC.shape[1]))
    for start in range(0, draws, _CHUNK):
        rows = min(_CHUNK, draws - start)
        picked = rng.integers(num_groups, size=(rows, num_groups))
        picked += np.arange(rows)[:, None] * num_groups
        weight = np.bincount(picked.ravel(), minlength=rows * num_groups).reshape(rows, num_groups)
        totals = weight.astype(np.float32) @ columns
        out[start : start + rows] = totals[:, :-1] / totals[:, -1:]
    return out


def _seed_weights(num_seeds: int, draws: int, rng: np.random.Generator) -> Floats:
    if num_seeds == 1:
        return np.ones((draws, 1))
    drawn = num_seeds - 1
    return rng.multinomial(drawn, np.full(num_seeds, 1 / num_seeds), size=draws) / drawn


def _z(level: float) -> float:
    """The normal quantile of a central interval."""
    return NormalDist().inv_cdf((1 + level) / 2)


def task_covariance(value_CSN: NDArray[np.floating], group_N: NDArray[np.integer]) -> Floats:
    """Covariances [C, C] of the means of C values of each seed and item: test items, and the spread between seeds.

    Infinite on the diagonal where there is only one group of items.
    """
    found, num_seeds = _item_covariance(value_CSN.mean(axis=1), group_N), value_CSN.shape[1]
    if num_seeds > 1:
        found = found + np.atleast_2d(np.cov(value_CSN.mean(axis=2), ddof=1)) / num_seeds
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
