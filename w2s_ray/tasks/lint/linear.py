"""A regularised linear classifier on sparse features, and the area under the ROC curve."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.optimize import minimize

STRENGTH = 1e-3  # of the L2 penalty, per row
STEPS = 60


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
        return float(np.logaddexp(0, -margins).mean() + penalty @ weights[:-1] / 2), gradient

    start = np.zeros(features.shape[1] + 1)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": STEPS})
    return np.append(found.x[:-1] * scale, found.x[-1])


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
