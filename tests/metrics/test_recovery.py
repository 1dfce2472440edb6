"""What a gap recovered is, when it is undefined, and how tasks are put together."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from w2s_ray.metrics.recovery import TaskMean, accuracy, aggregates, auroc, recovery

unit = st.floats(0, 1)


def test_a_student_half_way_up_recovered_half_the_gap():
    found = recovery(0.6, 0.7, 0.8, 0.01)
    assert (found.gap, found.gain, found.pgr) == pytest.approx((0.2, 0.1, 0.5))
    assert found.undefined == ""


def test_pgr_is_never_clamped():
    assert recovery(0.6, 0.5, 0.8).pgr == pytest.approx(-0.5)
    assert recovery(0.6, 0.9, 0.8).pgr == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("ceiling", "se", "reason"),
    [
        (0.5, 0.0, "not above"),
        (0.62, 0.0, "under 3 points"),
        (0.7, 0.06, "two standard errors"),
        (math.nan, 0, "number"),
    ],
)
def test_a_gap_within_noise_has_no_pgr_and_says_why(ceiling, se, reason):
    found = recovery(0.6, 0.65, ceiling, se)
    assert found.pgr is None
    assert reason in found.undefined
    assert found.gain == pytest.approx(0.05)


@given(unit, unit, unit, st.floats(0, 0.2))
def test_a_defined_pgr_is_finite_and_an_undefined_one_has_a_reason(weak, student, ceiling, se):
    found = recovery(weak, student, ceiling, se)
    assert (found.pgr is None) == bool(found.undefined)
    assert found.pgr is None or math.isfinite(found.pgr)


def test_the_mean_of_ratios_blows_up_where_ours_do_not():
    """The paper's pathology: a few tasks whose gap is next to nothing."""
    tasks = [TaskMean(task=f"t{n}", weak=0.60, student=0.70, ceiling=0.80) for n in range(9)]
    tasks.append(TaskMean(task="tiny", weak=0.700, student=0.650, ceiling=0.701))
    ratios = [(task.student - task.weak) / (task.ceiling - task.weak) for task in tasks]
    found = aggregates(tasks)
    assert np.mean(ratios) < -4
    assert (found.median, found.ratio_of_means) == pytest.approx((0.5, 0.5))
    assert found.pooled == pytest.approx((9 * 0.1 - 0.05) / (9 * 0.2 + 0.001))
    assert list(found.undefined) == ["tiny"]


def test_without_a_gap_anywhere_every_aggregate_is_undefined():
    found = aggregates([TaskMean(task="flat", weak=0.7, student=0.7, ceiling=0.7)])
    assert (found.median, found.ratio_of_means, found.pooled) == (None, None, None)
    assert aggregates([]).pooled is None


@given(st.lists(st.tuples(unit, unit, unit), min_size=1, max_size=8))
def test_the_order_of_tasks_does_not_matter(rows):
    tasks = [TaskMean(task=str(n), weak=w, student=s, ceiling=c) for n, (w, s, c) in enumerate(rows)]
    one, other = aggregates(tasks), aggregates(tasks[::-1])
    assert one.median == other.median
    assert (one.ratio_of_means is None) == (other.ratio_of_means is None)
    if one.ratio_of_means is not None:
        assert one.ratio_of_means == pytest.approx(other.ratio_of_means)


def test_accuracy_counts_rows_and_knows_no_rows():
    assert accuracy(np.array([0, 1, 1, 0]), np.array([0, 1, 0, 0])) == 0.75
    assert accuracy(np.array([], int), np.array([], int)) is None


@given(st.lists(st.tuples(st.sampled_from([0.1, 0.2, 0.5, 0.9]), st.booleans()), min_size=2, max_size=40))
def test_auroc_is_the_share_of_pairs_in_the_right_order(rows):
    score, label = np.array([s for s, _ in rows]), np.array([int(y) for _, y in rows])
    pairs = [(p > n) + 0.5 * (p == n) for p in score[label == 1] for n in score[label == 0]]
    found = auroc(score, label)
    assert (found is None) == (not pairs)
    assert found is None or found == pytest.approx(np.mean(pairs))


def test_auroc_is_undefined_for_one_class_other_labels_and_nan():
    assert auroc(np.array([0.1, 0.9]), np.array([1, 1])) is None
    assert auroc(np.array([0.1, 0.9, 0.3]), np.array([0, 1, 2])) is None
    assert auroc(np.array([0.1, math.nan]), np.array([0, 1])) is None
