"""Difficulty of a test item as the smallest supervisor that has it right, and accuracies by difficulty.

Level k of S supervisors in order of size: the k-th is the smallest that is right; level S: none is. Over seeds, an
item's difficulty is its mean level. The levels come from the supervisors' own test answers, so their accuracy by
level says what the level is; it is no finding. That of students and ceilings is one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class LevelAccuracy:
    """Accuracy in 0..1 on the items of one level, over all seeds and items of it."""

    level: int
    num_items: int
    accuracy: float


def difficulty(right_KSN: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Mean level in 0..K of each item, from the correctness of K supervisors, smallest first, S seeds, N items."""
    num_models = len(right_KSN)
    first_SN = np.where(right_KSN.any(axis=0), right_KSN.argmax(axis=0), num_models)
    mean_N: NDArray[np.float64] = first_SN.mean(axis=0)
    return mean_N


def levels(difficulty_N: NDArray[np.floating]) -> NDArray[np.int64]:
    """The nearest level of each item; half way goes to the harder one."""
    level_N: NDArray[np.int64] = np.floor(difficulty_N + 0.5).astype(np.int64)
    return level_N


def accuracy_by_level(right_SN: NDArray[np.bool_], level_N: NDArray[np.integer]) -> list[LevelAccuracy]:
    """Accuracy of one model [seeds, items] on each level that has items, the easiest first."""
    return [
        LevelAccuracy(
            level=int(level),
            num_items=int((level_N == level).sum()),
            accuracy=float(right_SN[:, level_N == level].mean()),
        )
        for level in np.unique(level_N)
    ]
