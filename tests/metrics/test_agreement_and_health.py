"""Agreement with the supervisor, and runs that went wrong without failing."""

import numpy as np
import pytest

from w2s_ray.metrics import health
from w2s_ray.metrics.agreement import agreement, correction

LABELS = np.array([0, 1] * 50)


def test_agreement_is_split_by_whether_the_supervisor_is_right():
    label, weak, student = np.array([0, 0, 1, 1]), np.array([0, 0, 0, 1]), np.array([0, 1, 0, 1])
    found = agreement(student, weak, label)
    assert (found.all, found.weak_right, found.weak_wrong) == pytest.approx((0.75, 2 / 3, 1.0))


def test_agreement_on_mistakes_is_undefined_for_a_perfect_supervisor():
    assert agreement(LABELS, LABELS, LABELS).weak_wrong is None


def test_correction_and_retention_make_up_the_students_accuracy():
    weak, student = np.array([1, 1, 1, 0, 0], bool), np.array([1, 1, 0, 1, 0], bool)
    found = correction(student, weak)
    assert (found.correction, found.retention) == pytest.approx((1 / 2, 2 / 3))
    assert found.correction * 0.4 + found.retention * 0.6 == pytest.approx(student.mean())
    assert correction(student, np.ones(5, bool)).correction is None
    assert correction(student, np.zeros(5, bool)).retention is None


def test_a_constant_predictor_is_sick():
    (fault,) = health.prediction_faults(np.zeros(100, int), LABELS)
    assert "constant predictor: class 0" in fault


def test_a_constant_text_is_told_as_a_text():
    codes, labels = np.full(4, 123456789), np.arange(4)
    (fault,) = health.prediction_faults(codes, labels, [" Qxc1+"] * 4)
    assert fault == "constant predictor: the text ' Qxc1+' for all 4 test rows"
    (fault,) = health.prediction_faults(codes, labels, ["x" * 500] * 4)
    assert "xxx…'" in fault and len(fault) < 100
    (fault,) = health.prediction_faults(
        np.array([7, 1, 2, 9]), np.array([7, 3, 4, 5]), [" a", " b", " c", " d"]
    )
    assert fault == "near-majority: accuracy 0.250, the commonest right text is 0.250 of the test rows"


def test_a_student_that_repeats_every_mistake_of_its_supervisor_is_sick():
    weak = LABELS.copy()
    weak[:3] = 1 - weak[:3]
    assert (
        "the same answer for all 100 test rows, 3 of them wrong" in health.copy_faults(weak, weak, LABELS)[0]
    )
    assert health.copy_faults(LABELS, weak, LABELS) == ()
    assert health.copy_faults(LABELS, LABELS, LABELS) == ()


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


def supervisor(accuracy, rows, classes=2):
    right = np.arange(rows) < round(accuracy * rows)
    return health.supervisor_faults(right, np.arange(rows) % classes, classes)


@pytest.mark.parametrize(
    ("accuracy", "rows", "words"),
    [
        (0.52, 100, "0.520 on 100 validation rows is not above chance beyond noise (0.500 + 0.100)"),
        (0.6, 1000, "0.600 on 1000 validation rows is not above 0.65"),
        (0.65, 400, "not above 0.65"),
    ],
)
def test_a_supervisor_near_chance_is_sick(accuracy, rows, words):
    (fault,) = supervisor(accuracy, rows)
    assert fault.startswith(health.SICK_SUPERVISOR)
    assert words in fault


def test_a_fair_supervisor_is_well():
    assert supervisor(0.72, 200) == ()
    assert health.supervisor_faults(np.array([], bool), np.array([], int), 2) == ()


def test_of_many_classes_chance_alone_is_the_gate():
    assert supervisor(0.4, 900, classes=9) == ()
    assert "0.111 + 0.021" in supervisor(0.12, 900, classes=9)[0]


def test_a_ceiling_under_its_supervisor_is_sick():
    assert health.ceiling_faults(0.8, 0.7) == ("ceiling below weak: 0.700 against 0.800",)
    assert health.ceiling_faults(0.7, 0.8) == ()
