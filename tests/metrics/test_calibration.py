"""Confidence against accuracy, by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from w2s_ray.metrics.calibration import adaptive_ece, brier, confidence_histogram, ece

NOTHING = np.array([]), np.array([], bool)


def test_a_bin_errs_by_its_confidence_less_its_accuracy():
    confidence, right = np.array([0.9, 0.9, 0.9, 0.9, 0.6, 0.6]), np.array([1, 1, 1, 0, 0, 0], bool)
    assert ece(confidence, right) == pytest.approx((4 * 0.15 + 2 * 0.6) / 6)
    assert adaptive_ece(confidence, right) == pytest.approx((4 * 0.15 + 2 * 0.6) / 6)


def test_a_sure_predictor_errs_by_its_mistakes_and_an_honest_one_not_at_all():
    right = np.array([True] * 7 + [False] * 3)
    for error in (ece, adaptive_ece):
        assert error(np.ones(10), right) == pytest.approx(0.3)
        assert error(np.full(10, 0.7), right) == pytest.approx(0.0)
        assert error(*NOTHING) is None


def test_equal_width_bins_hold_their_lower_edge():
    """.5 opens the second of two bins: with .4 it would cancel out."""
    confidence, right = np.array([0.4, 0.5]), np.array([True, False])
    assert ece(confidence, right, num_bins=2) == pytest.approx((0.6 + 0.5) / 2)


def test_adaptive_bins_divide_the_rows_where_they_are():
    """All rows lie in one equal-width bin, in which two errors cancel out."""
    confidence, right = np.array([0.81, 0.82, 0.83, 0.84]), np.array([True, True, False, True])
    assert ece(confidence, right, num_bins=2) == pytest.approx(abs(3 - confidence.sum()) / 4)
    by_hand = abs(2 - 0.81 - 0.82) + abs(1 - 0.83 - 0.84)
    assert adaptive_ece(confidence, right, num_bins=2) == pytest.approx(by_hand / 4)


@given(st.lists(st.tuples(st.sampled_from([0.5, 0.6, 0.75, 1.0]), st.booleans()), min_size=1), st.randoms())
def test_no_calibration_error_depends_on_the_order_of_rows(rows, random):
    shuffled = random.sample(rows, len(rows))
    for error in (ece, adaptive_ece):
        one, other = (error(*map(np.array, zip(*each, strict=True))) for each in (rows, shuffled))
        assert one == pytest.approx(other) and 0 <= one <= 1


def test_the_brier_score_of_two_classes_is_twice_the_square_of_the_error():
    p = np.array([[0.8, 0.2], [0.3, 0.7]])
    assert brier(p, np.array([0, 0])) == pytest.approx((2 * 0.2**2 + 2 * 0.7**2) / 2)
    assert brier(np.full((4, 3), 1 / 3), np.arange(4) % 3) == pytest.approx(4 / 9 + 2 / 9)
    assert brier(np.eye(3)[[1]], np.array([2])) == 2.0
    assert brier(np.empty((0, 2)), np.array([], int)) is None


def test_a_histogram_counts_right_and_wrong_apart_and_certainty_in_the_last_bin():
    found = confidence_histogram(np.array([0.5, 0.55, 0.99, 1.0, 1.0]), np.array([1, 0, 1, 1, 0], bool))
    assert [(at, num) for at, num in enumerate(found.right) if num] == [(10, 1), (19, 2)]
    assert [(at, num) for at, num in enumerate(found.wrong) if num] == [(11, 1), (19, 1)]
    assert len(found.right) == len(found.wrong) == 20
