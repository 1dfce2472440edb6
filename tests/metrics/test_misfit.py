"""Gain and misfit of a student, by hand and where theory has an equation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from w2s_ray.metrics.misfit import FLOOR, kl_misfit, squared_misfit

WEAK, STUDENT, LABEL = (
    np.array([[0.6, 0.4], [0.7, 0.3]]),
    np.array([[0.9, 0.1], [0.4, 0.6]]),
    np.array([0, 1]),
)


def test_squared_misfit_and_the_gain_in_brier_score_by_hand():
    found = squared_misfit(STUDENT, WEAK, LABEL)
    assert found.misfit == pytest.approx((2 * 0.3**2 + 2 * 0.3**2) / 2)
    assert found.gain == pytest.approx((2 * 0.4**2 + 2 * 0.7**2) / 2 - (2 * 0.1**2 + 2 * 0.4**2) / 2)


def test_kl_misfit_and_the_gain_in_cross_entropy_by_hand():
    found = kl_misfit(STUDENT, WEAK, LABEL)
    rows = [
        0.9 * np.log(0.9 / 0.6) + 0.1 * np.log(0.1 / 0.4),
        0.4 * np.log(0.4 / 0.7) + 0.6 * np.log(0.6 / 0.3),
    ]
    assert found.misfit == pytest.approx(np.mean(rows))
    assert found.gain == pytest.approx((np.log(0.9 / 0.6) + np.log(0.6 / 0.3)) / 2)


def test_a_copy_of_the_supervisor_has_neither_and_no_rows_say_nothing():
    for misfit in (squared_misfit, kl_misfit):
        found = misfit(WEAK, WEAK, LABEL)
        assert (found.misfit, found.gain) == (0.0, 0.0)
        assert misfit(np.empty((0, 2)), np.empty((0, 2)), np.array([], int)) is None


def test_a_sure_mistake_costs_what_the_floor_costs():
    sure = np.array([[1.0, 0.0]], np.float32)
    found = kl_misfit(sure, np.array([[0.5, 0.5]]), np.array([1]))
    assert found.gain == pytest.approx(np.log(2 * FLOOR), rel=1e-5)
    assert found.misfit == pytest.approx(np.log(2), rel=1e-4)


shares = st.floats(0.05, 0.95)


@given(shares, st.lists(shares, min_size=2, max_size=6))
def test_the_projection_of_a_supervisor_onto_constants_gains_its_misfit_exactly(truth, weak):
    """Constant predictions are a convex set that holds a constant truth; a subspace turns >= into =."""
    weak_NC = np.array([[1 - p, p] for p in weak])
    student_NC = np.tile(weak_NC.mean(axis=0), (len(weak), 1))
    found = [squared_misfit(student_NC, weak_NC, np.full(len(weak), label)) for label in (0, 1)]
    assert (1 - truth) * found[0].gain + truth * found[1].gain == pytest.approx(found[0].misfit, abs=1e-9)


@given(shares, st.lists(shares, min_size=2, max_size=6))
def test_in_nats_the_projection_is_the_one_that_kl_of_the_student_is_least_for(truth, weak):
    """argmin_q KL(q || weak) over constants is the normalised geometric mean, and there gain = misfit too."""
    weak_NC = np.array([[1 - p, p] for p in weak])
    mean_C = np.exp(np.log(weak_NC).mean(axis=0))
    student_NC = np.tile(mean_C / mean_C.sum(), (len(weak), 1))
    found = [kl_misfit(student_NC, weak_NC, np.full(len(weak), label)) for label in (0, 1)]
    assert (1 - truth) * found[0].gain + truth * found[1].gain == pytest.approx(found[0].misfit, abs=1e-9)
