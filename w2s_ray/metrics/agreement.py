"""How often a student says what its supervisor says (Burns et al. 2023, section 5.1.3 and figure 8).

A student that agrees where the supervisor is wrong has learned its mistakes. With two classes disagreeing with a
mistake is correcting it; with more, or with texts, it may be another mistake, so correction is counted apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """Fractions in 0..1 of all rows, where the supervisor is right, where it is wrong; None without rows."""

    all: float | None
    weak_right: float | None
    weak_wrong: float | None


def agreement(
    student_N: NDArray[np.integer], weak_N: NDArray[np.integer], label_N: NDArray[np.integer]
) -> Agreement:
    """Agreement of two models' predicted classes, split by whether the supervisor is right."""
    same_N, right_N = student_N == weak_N, weak_N == label_N
    return Agreement(all=_mean(same_N), weak_right=_mean(same_N[right_N]), weak_wrong=_mean(same_N[~right_N]))


@dataclass(frozen=True, kw_only=True)
class Correction:
    """Fractions in 0..1 of rows that the student has right, by whether its supervisor has; None without rows.

    With the supervisor's accuracy a the student's is `correction` (1 - a) + `retention` a.
    """

    correction: float | None
    retention: float | None


def correction(student_right_N: NDArray[np.bool_], weak_right_N: NDArray[np.bool_]) -> Correction:
    """Share of the supervisor's mistakes that the student has right, and of its right answers that it keeps."""
    return Correction(
        correction=_mean(student_right_N[~weak_right_N]), retention=_mean(student_right_N[weak_right_N])
    )


def _mean(values: NDArray[np.bool_]) -> float | None:
    return float(values.mean()) if len(values) else None
