"""Agreement with the supervisor, and runs that went wrong without failing."""

import numpy as np
import pytest

from w2s_ray.metrics import health
from w2s_ray.metrics.agreement import agreement

LABELS = np.array([0, 1] * 50)


def test_agreement_is_split_by_whether_the_supervisor_is_right():
    label, weak, student = np.array([0, 0, 1, 1]), np.array([0, 0, 0, 1]), np.array([0, 1, 0, 1])
    found = agreement(student, weak, label)
    assert (found.all, found.weak_right, found.weak_wrong) == pytest.approx((0.75, 2 / 3, 1.0))


def test_agreement_on_mistakes_is_undefined_for_a_perfect_supervisor():
    assert agreement(LABELS, LABELS, LABELS).weak_wrong is None


def test_a_constant_predictor_is_sick():
    (fault,) = health.prediction_faults(np.zeros(100, int), LABELS)
    assert "constant predictor: class 0" in fault


def test_a_predictor_as_good_as_the_largest_class_is_sick():
    predicted = np.zeros(100, int)
    predicted[:2] = LABELS[:2]
    assert "near-majority" in health.prediction_faults(predicted, LABELS)[0]
    assert "near-majority" in health.prediction_faults(np.array([0, 0, 1, 1] * 25), LABELS)[0]


def test_a_predictor_that_is_better_than_that_is_well():
    assert health.prediction_faults(LABELS, LABELS) == ()
    assert health.prediction_faults(np.array([], int), np.array([], int)) == ()


def test_a_loss_that_does_not_fall_is_sick_and_a_short_curve_is_not_judged():
    assert "loss not falling" in health.loss_faults([0.69] * 9)[0]
    assert "not a number" in health.loss_faults([0.6, float("nan")])[0]
    assert health.loss_faults([0.9, 0.8, 0.7, 0.6, 0.5, 0.4]) == ()
    assert health.loss_faults([0.69, 0.69]) == ()


@pytest.mark.parametrize(
    ("accuracy", "rows", "word"),
    [(0.52, 100, "chance"), (0.6, 1000, "not above 0.65"), (0.64, 1000, "not above 0.65")],
)
def test_a_supervisor_near_chance_is_sick(accuracy, rows, word):
    assert word in health.supervisor_faults(accuracy, rows)[0]


def test_a_fair_supervisor_is_well_and_one_of_many_classes_is_judged_by_chance_alone():
    assert health.supervisor_faults(0.72, 200) == ()
    assert health.supervisor_faults(0.4, 1000, chance=0.1) == ()
    assert health.supervisor_faults(None, 0) == ()


def test_a_ceiling_under_its_supervisor_is_sick():
    assert health.ceiling_faults(0.8, 0.7) == ("ceiling below weak: 0.700 against 0.800",)
    assert health.ceiling_faults(0.7, 0.8) == ()
