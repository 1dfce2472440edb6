"""How far a student's probabilities are from its supervisor's, and what it gained in the same loss.

For a student that is the projection of its supervisor onto a convex set that holds the truth, gain >= misfit: in
the squared loss (Charikar et al. 2024, theorem 1), and in cross-entropy with the misfit KL(student || weak)
(Mulgund and Pabbaraju 2025: the Pythagorean inequality of Bregman divergences, whose projection is onto the
*first* argument). Training on weak labels minimises the other direction, and finetuned networks are no convex set:
there the inequality is a picture to look at and no law.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FLOOR = (
    1e-6  # least probability of a class: float32 rounds a sure one to 1, whose logarithm is no measurement
)
DIVERGENCES = ("squared", "kl")


@dataclass(frozen=True, kw_only=True)
class Misfit:
    """`misfit` of student and supervisor, and the student's `gain`, weak loss - student loss, on the same scale.

    The squared scale is that of the Brier score; the other is in nats.
    """

    misfit: float
    gain: float


def squared_misfit(
    student_NC: NDArray[np.floating], weak_NC: NDArray[np.floating], label_N: NDArray[np.integer]
) -> Misfit | None:
    """Mean of sum_c (student_c - weak_c)^2, and the gain in Brier score; None without rows."""
    if not len(label_N):
        return None
    truth_NC = np.eye(weak_NC.shape[1])[label_N]
    return Misfit(
        misfit=_distance(student_NC, weak_NC),
        gain=_distance(weak_NC, truth_NC) - _distance(student_NC, truth_NC),
    )


def kl_misfit(
    student_NC: NDArray[np.floating], weak_NC: NDArray[np.floating], label_N: NDArray[np.integer]
) -> Misfit | None:
    """Mean KL(student || weak), and the gain in cross-entropy, in nats; None without rows.

    Probabilities under `FLOOR` are raised to it, and rows made to sum to 1 again.
    """
    if not len(label_N):
        return None
    student_NC, log_student_NC = _floored(student_NC)
    _, log_weak_NC = _floored(weak_NC)
    rows = np.arange(len(label_N))
    return Misfit(
        misfit=float((student_NC * (log_student_NC - log_weak_NC)).sum(-1).mean()),
        gain=float((log_student_NC - log_weak_NC)[rows, label_N].mean()),
    )


def _distance(one_NC: NDArray[np.floating], other_NC: NDArray[np.floating]) -> float:
    return float(np.square(one_NC.astype(np.float64) - other_NC).sum(-1).mean())


def _floored(p_NC: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Probabilities and their logarithms."""
    raised_NC = np.maximum(p_NC.astype(np.float64), FLOOR)
    raised_NC /= raised_NC.sum(-1, keepdims=True)
    return raised_NC, np.log(raised_NC)
