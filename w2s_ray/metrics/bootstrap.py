"""The hierarchical paired bootstrap: tasks → seeds → test items by group, as draws that any statistic can read.

*Paired.* One draw of a task's items serves its three models, all its seeds and all arms, for they share one frozen
test set; one draw of seeds serves all arms with these seeds. Seeds and items are crossed, and drawn apart (Owen
2007, "The pigeonhole bootstrap": the variance is right for both, and not too small for what is left over).

*Unbiased.* `S - 1` of S seeds are drawn, and `T - 1` of T tasks: with all of them the variance between them would
come out too small by the factor (S - 1) / S (Rao and Wu 1988). One seed says nothing about seeds.

*Reproducible.* Streams are counter-based (Philox) and named by what they draw: a task's items, its seeds, a set of
tasks. So a draw depends neither on the order of arms nor on which others there are. Counts of right items are whole
numbers that float32 holds exactly, so no order of summation can change them either.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from w2s_ray.metrics.intervals import Interval

Floats = NDArray[np.float64]
MIN_TASKS = 8  # from here on an interval for "tasks like these" is worth showing
_BLOCK = 1024  # draws of one counter, and at a time: bounds memory
_EXACT = 2**24  # whole numbers up to here are exact in float32
_NO_GAP = 1e-12  # stands for a drawn gap that is not positive
_UNBOUNDED = 1e4  # no ratio of accuracies is as far out, but those over `_NO_GAP` are


@dataclass(frozen=True, kw_only=True)
class TaskItems:
    """What the trainings of one task got right: `right` [trainings, items], and the `group` code of each item."""

    task: str
    right: NDArray[np.bool_]
    group: NDArray[np.integer]


def item_draws(items: TaskItems, *, draws: int, seed: int = 0) -> Floats:
    """Accuracies [trainings, draws] over groups of items drawn with replacement, the same ones for all trainings."""
    _, code_N, size_G = np.unique(items.group, return_inverse=True, return_counts=True)
    exact = int(size_G.max()) * len(size_G) < _EXACT
    columns_GC = _group_sums(items.right, code_N, size_G).astype(np.float32 if exact else np.float64)
    out = np.empty((len(items.right), draws))
    for block, start in enumerate(range(0, draws, _BLOCK)):
        weight_BG = _multiplicities(stream(seed, f"items of {items.task}", block), len(size_G))
        totals_BC = weight_BG[: draws - start].astype(columns_GC.dtype) @ columns_GC
        out[:, start : start + _BLOCK] = totals_BC[:, :-1].T / totals_BC[:, -1].astype(np.float64)
    return out


def seed_draws(task: str, seeds: Sequence[int], *, draws: int, seed: int = 0) -> Floats:
    """Weights [seeds, draws] that sum to 1 over the seeds; all ones for a single seed."""
    if len(seeds) == 1:
        return np.ones((1, draws))
    drawn, share = len(seeds) - 1, np.full(len(seeds), 1 / len(seeds))
    rng = stream(seed, f"seeds {sorted(seeds)} of {task}")
    weight_DS = rng.multinomial(drawn, share, size=draws) / drawn
    return np.ascontiguousarray(weight_DS.T[np.argsort(np.argsort(seeds))])


def task_draws(tasks: Sequence[str], *, draws: int, seed: int = 0) -> NDArray[np.int64]:
    """Which tasks are drawn: places [draws, tasks - 1] in `tasks`, whatever its order, with replacement."""
    picked = stream(seed, f"tasks {sorted(tasks)}").integers(len(tasks), size=(draws, max(1, len(tasks) - 1)))
    found: NDArray[np.int64] = np.argsort(tasks, kind="stable")[picked]
    return found


def ratios(gain: Floats, gap: Floats) -> Floats:
    """gain / gap of each draw, of any one shape.

    A gap that is not positive is no reason to drop a draw, for those that stay would look surer than they are. Such
    a draw lies beyond every finite ratio, above or below by the sign of its gain, and takes its place there.
    """
    found: Floats = gain / np.where(gap > 0, gap, _NO_GAP)
    return found


def percentile_interval(ratio_D: Floats, gap_D: Floats, *, level: float) -> Interval | None:
    """The central interval of drawn ratios; None where it is unbounded.

    That is where the lower bound of the gap itself is not positive, as in Fieller's interval, and where a bound
    falls among the draws without a gap.
    """
    if np.mean(gap_D <= 0) > (1 - level) / 2:
        return None
    found = central(ratio_D, level=level)
    return found if max(abs(found.low), abs(found.high)) < _UNBOUNDED else None


def central(value_D: Floats, *, level: float) -> Interval:
    """The central percentile interval of draws."""
    low, high = np.quantile(value_D, [(1 - level) / 2, (1 + level) / 2])
    return Interval(low=float(low), high=float(high), level=level)


def stream(seed: int, name: str, block: int = 0) -> np.random.Generator:
    """The random numbers of one purpose: equal for equal `seed`, `name` and `block`, and independent otherwise."""
    key = int.from_bytes(hashlib.sha256(f"{seed}/{name}".encode()).digest()[:16], "little")
    return np.random.Generator(np.random.Philox(key=key, counter=[0, 0, 0, block]))


def _multiplicities(rng: np.random.Generator, num_groups: int) -> NDArray[np.int64]:
    """How often each group is drawn: [block, groups], rows sum to the number of groups."""
    picked = rng.integers(num_groups, size=(_BLOCK, num_groups), dtype=np.int64)
    picked += np.arange(_BLOCK)[:, None] * num_groups
    return np.bincount(picked.ravel(), minlength=_BLOCK * num_groups).reshape(_BLOCK, num_groups)


def _group_sums(
    right: NDArray[np.bool_], code_N: NDArray[np.integer], size_G: NDArray[np.integer]
) -> NDArray[np.integer]:
    """Numbers of right items by group and training, and of all items last: [groups, trainings + 1]."""
    starts_G = np.concatenate([[0], np.cumsum(size_G)[:-1]])
    ordered = right[:, np.argsort(code_N, kind="stable")].astype(np.int64)
    return np.concatenate([np.add.reduceat(ordered, starts_G, axis=1), size_G[None]]).T
