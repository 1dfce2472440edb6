"""Sick runs: trainings that went wrong without failing, each with the reason as a sentence.

One sick run moved the median PGR of a published code from .22 to .03. They are marked, never dropped
silently. Under the supervisor's gate the confidence loss was seen to lock onto the inverted concept.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

NEAR_MAJORITY = 0.01  # accuracy this close to the largest class's share
SICK_SUPERVISOR = "sick supervisor"  # begins the sentence by which a reader is warned
SUPERVISOR_FLOOR = 0.65  # with two classes
NUM_SE = 2.0
MIN_POINTS = 6  # a shorter loss curve says nothing
MAX_SHOWN = 40  # characters of a text in a sentence


def prediction_faults(
    predicted_N: NDArray[np.integer], label_N: NDArray[np.integer], texts: Sequence[str] = ()
) -> tuple[str, ...]:
    """A constant predictor, or one that is as good as naming the largest class.

    Where answers are `texts`, the numbers are their codes, which nobody could read.
    """
    if not len(label_N):
        return ()
    classes = np.unique(predicted_N)
    if len(classes) == 1:
        answer = f"the text {_shortened(texts[0])!r}" if texts else f"class {int(classes[0])}"
        return (f"constant predictor: {answer} for all {len(label_N)} test rows",)
    share, majority = float(np.mean(predicted_N == label_N)), majority_share(label_N)
    if abs(share - majority) <= NEAR_MAJORITY + 1e-9:
        largest = "the commonest right text" if texts else "the largest class"
        return (f"near-majority: accuracy {share:.3f}, {largest} is {majority:.3f} of the test rows",)
    return ()


def copy_faults(
    student_N: NDArray[np.integer], weak_N: NDArray[np.integer], label_N: NDArray[np.integer]
) -> tuple[str, ...]:
    """A student that gives its supervisor's answer for every row, mistakes and all: it elicited nothing."""
    mistakes = int(np.sum(weak_N != label_N))
    if mistakes and np.array_equal(student_N, weak_N):
        return (
            f"copied supervisor: the same answer for all {len(label_N)} test rows, {mistakes} of them wrong",
        )
    return ()


def loss_faults(losses: Sequence[float]) -> tuple[str, ...]:
    """A training loss that is not lower in its last third than in its first."""
    finite = [loss for loss in losses if np.isfinite(loss)]
    if len(finite) < len(losses):
        return ("the training loss was not a number",)
    if len(finite) < MIN_POINTS:
        return ()
    third = len(finite) // 3
    first, last = float(np.mean(finite[:third])), float(np.mean(finite[-third:]))
    if last >= first:
        return (f"loss not falling: {first:.3f} in the first third, {last:.3f} in the last",)
    return ()


def supervisor_faults(
    right_N: NDArray[np.bool_], label_N: NDArray[np.integer], num_classes: int
) -> tuple[str, ...]:
    """A supervisor too weak to teach, by its correctness on validation rows and their true labels.

    Its accuracy must be above chance (the largest class's share, which is never under 1 / classes) by two
    standard errors, and with two classes above .65 as well. That bound is not absolute for more classes:
    .4 of nine teaches much, so there chance alone is the gate.
    """
    if not len(label_N):
        return ()
    accuracy, chance, rows = float(np.mean(right_N)), majority_share(label_N), len(label_N)
    noise = NUM_SE * float(np.sqrt(chance * (1 - chance) / rows))
    found = f"{SICK_SUPERVISOR}: accuracy {accuracy:.3f} on {rows} validation rows is not above"
    if accuracy <= chance + noise:
        return (f"{found} chance beyond noise ({chance:.3f} + {noise:.3f})",)
    if num_classes == 2 and accuracy <= SUPERVISOR_FLOOR:
        return (f"{found} {SUPERVISOR_FLOOR}",)
    return ()


def ceiling_faults(weak: float, ceiling: float) -> tuple[str, ...]:
    """A ceiling under its own supervisor."""
    if ceiling < weak:
        return (f"ceiling below weak: {ceiling:.3f} against {weak:.3f}",)
    return ()


def majority_share(label_N: NDArray[np.integer]) -> float:
    """Accuracy of naming the largest class, in 0..1."""
    return float(np.unique(label_N, return_counts=True)[1].max() / len(label_N)) if len(label_N) else 1.0


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 1]}…"
