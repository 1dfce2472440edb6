"""A regularised linear classifier on sparse features, and the area under the ROC curve.

No BLAS in it: its sums depend on the number of cores, and its threads stall where other processes compute.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np
from scipy import sparse

STRENGTH = 1e-3  # of the L2 penalty, per row
STEPS, MEMORY = 60, 8
TOLERANCE = 1e-6  # of the loss, relative
ARMIJO, SHORTEST = 1e-4, 1e-10  # of the line search

Objective = Callable[[np.ndarray], tuple[float, np.ndarray]]


def auroc(scores: np.ndarray, positive: np.ndarray) -> float:
    """Probability that a positive row scores above a negative one, ties counted half; .5 without both.

    `scores` float [rows], `positive` bool [rows].
    """
    num_positive = int(positive.sum())
    num_pairs = num_positive * (len(positive) - num_positive)
    if not num_pairs:
        return 0.5
    _, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    middles = np.cumsum(counts) - (counts - 1) / 2
    rank_sum = float(middles[places][positive].sum())
    return (rank_sum - num_positive * (num_positive + 1) / 2) / num_pairs


def fit(features: sparse.csr_matrix, positive: np.ndarray, *, bias: bool) -> np.ndarray:
    """Weights [features (+ 1 for the bias, last)] of the logistic regression that says `positive`.

    Each feature is scaled by the logarithm of the odds with which it occurs in the two classes (Wang and
    Manning 2012), so that words which decide outweigh the many that say nothing.
    """
    signs = np.where(positive, 1.0, -1.0)
    scale = _log_odds(features, signs)
    scaled = (features @ sparse.diags(scale)).tocsr()
    transposed = scaled.T.tocsr()
    num = len(signs)

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        margins = signs * (scaled @ weights[:-1] + weights[-1])
        errors = -signs / (1 + np.exp(np.clip(margins, -500, 500))) / num
        gradient = np.append(transposed @ errors, errors.sum() if bias else 0.0)
        penalty = STRENGTH * weights[:-1]
        gradient[:-1] += penalty
        return float(np.logaddexp(0, -margins).mean()) + _dot(penalty, weights[:-1]) / 2, gradient

    weights = minimum(loss, np.zeros(features.shape[1] + 1))
    return np.append(weights[:-1] * scale, weights[-1])


def minimum(objective: Objective, start: np.ndarray) -> np.ndarray:
    """Where a convex function is least, by L-BFGS (Nocedal and Wright 2006, algorithm 7.5) and backtracking."""
    here, (value, gradient) = start, objective(start)
    past: deque[tuple[np.ndarray, np.ndarray]] = deque(maxlen=MEMORY)
    for _ in range(STEPS):
        step = _direction(gradient, past)
        slope, size = _dot(gradient, step), 1.0
        while size > SHORTEST:
            there = here + size * step
            found, slopes = objective(there)
            if found <= value + ARMIJO * size * slope:
                break
            size /= 2
        else:
            return here
        past.append((there - here, slopes - gradient))
        gained, here, value, gradient = value - found, there, found, slopes
        if gained <= TOLERANCE * abs(value):
            break
    return here


def _direction(gradient: np.ndarray, past: deque[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Minus the gradient, times the inverse curvature that the past steps and changes of gradient show."""
    if not past:
        return np.asarray(-gradient / max(1.0, _dot(gradient, gradient) ** 0.5))
    found, shares = np.negative(gradient), list[float]()
    for step, change in reversed(past):
        shares.append(_dot(step, found) / _dot(step, change))
        found = found - shares[-1] * change
    step, change = past[-1]
    found = found * (_dot(step, change) / _dot(change, change))
    for (step, change), share in zip(past, reversed(shares), strict=True):
        found = found + step * (share - _dot(change, found) / _dot(step, change))
    return np.asarray(found)


def _dot(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.einsum("i,i->", first, second))


def scores_of(features: sparse.csr_matrix, weights: np.ndarray) -> np.ndarray:
    """The decision function [rows]; above 0 it says positive."""
    return np.asarray(features @ weights[:-1] + weights[-1])


def _log_odds(features: sparse.csr_matrix, signs: np.ndarray) -> np.ndarray:
    """Log of the ratio of each feature's frequency among positive rows and negative ones, smoothed by 1.

    The features of a pair are differences: one that the worse text has alone counts for the other side.
    """
    with_, without = (features.maximum(0).T, (-features).maximum(0).T)
    high, low = (signs > 0).astype(float), (signs < 0).astype(float)
    for_, against = with_ @ high + without @ low, with_ @ low + without @ high
    total_for, total_against = (for_ + 1).sum(), (against + 1).sum()
    return np.asarray(np.log((for_ + 1) / total_for) - np.log((against + 1) / total_against))
