"""How far a model's confidence is its accuracy: calibration errors, Brier score, histograms of confidence.

A confidence is the probability that a model gives its own answer, in 0..1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NUM_BINS = 15  # Guo et al. 2017, table 1
HISTOGRAM_BINS = 20


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """Numbers of right and of wrong answers by confidence, in bins of equal width over 0..1."""

    right: tuple[int, ...]
    wrong: tuple[int, ...]


def ece(
    confidence_N: NDArray[np.floating], right_N: NDArray[np.bool_], *, num_bins: int = NUM_BINS
) -> float | None:
    """Expected calibration error in 0..1 over bins of equal width (Guo et al. 2017, equation 3); None without rows.

    A bin holds its lower edge; the last one holds 1 as well.
    """
    return _error(_width_bins(confidence_N, num_bins), confidence_N, right_N)


def adaptive_ece(
    confidence_N: NDArray[np.floating], right_N: NDArray[np.bool_], *, num_bins: int = NUM_BINS
) -> float | None:
    """The same over bins of equal numbers of rows (Nguyen and O'Connor 2015); None without rows.

    A row's bin follows from its rank. Equal confidences share their mean rank, so that a bin may be larger, and the
    order of rows does not matter.
    """
    if not len(confidence_N):
        return None
    _, place_N, size_V = np.unique(confidence_N, return_inverse=True, return_counts=True)
    middle_V = np.cumsum(size_V) - size_V / 2  # of the ranks that a value takes, in rows
    bin_N = (middle_V * num_bins / len(confidence_N)).astype(np.int64)[place_N]
    return _error(bin_N, confidence_N, right_N)


def brier(p_NC: NDArray[np.floating], label_N: NDArray[np.integer]) -> float | None:
    """Mean of sum_c (p_c - [c is right])^2, in 0..2 (Brier 1950); None without rows."""
    if not len(label_N):
        return None
    right_NC = np.eye(p_NC.shape[1])[label_N]
    return float(np.square(p_NC.astype(np.float64) - right_NC).sum(-1).mean())


def confidence_histogram(
    confidence_N: NDArray[np.floating], right_N: NDArray[np.bool_], *, num_bins: int = HISTOGRAM_BINS
) -> Histogram:
    """How many answers of each confidence are right and wrong."""
    bin_N = _width_bins(confidence_N, num_bins)
    right, wrong = (np.bincount(bin_N[its], minlength=num_bins) for its in (right_N, ~right_N))
    return Histogram(right=tuple(right.tolist()), wrong=tuple(wrong.tolist()))


def _error(
    bin_N: NDArray[np.int64], confidence_N: NDArray[np.floating], right_N: NDArray[np.bool_]
) -> float | None:
    """Sum over bins of |sum of (right - confidence)| / rows."""
    if not len(bin_N):
        return None
    excess_N = right_N.astype(np.float64) - confidence_N
    return float(np.abs(np.bincount(bin_N, weights=excess_N)).sum() / len(bin_N))


def _width_bins(confidence_N: NDArray[np.floating], num_bins: int) -> NDArray[np.int64]:
    return np.minimum((confidence_N * num_bins).astype(np.int64), num_bins - 1)
