"""How sure, by formulas: against closed forms."""

import numpy as np
import pytest

from w2s_ray.metrics.intervals import fieller, paired_se, score_interval, task_covariance, task_se, wilson


def test_items_of_one_group_stand_or_fall_together():
    values = np.repeat([1.0, 0.0, 1.0, 0.0, 1.0, 0.0], 50)
    grouped = np.repeat(np.arange(6), 50)
    assert paired_se(values, grouped) > 5 * paired_se(values, np.arange(300))
    assert paired_se(values, np.zeros(300, int)) == float("inf")


def test_without_groups_the_error_is_the_textbook_one():
    values = np.random.default_rng(0).random(200)
    assert paired_se(values, np.arange(200)) == pytest.approx(values.std(ddof=1) / np.sqrt(200))


def test_seeds_that_differ_widen_the_error():
    rng = np.random.default_rng(3)
    alike = (rng.random((1, 400)) < 0.3).repeat(3, axis=0).astype(float)
    apart = np.stack([rng.random(400) < share for share in (0.1, 0.3, 0.5)]).astype(float)
    assert task_se(apart, np.arange(400)) > 3 * task_se(alike, np.arange(400))


def test_what_is_particular_to_a_seed_and_an_item_counts_once():
    """With nothing else, the error is that of as many independent items as there are seeds times items."""
    rng, found = np.random.default_rng(5), []
    for _ in range(100):
        found.append(task_se((rng.random((4, 200)) < 0.5).astype(float), np.arange(200)) ** 2)
    assert np.mean(found) == pytest.approx(0.25 / 800, rel=0.3)


def test_gain_and_gap_that_move_together_have_a_covariance():
    rng = np.random.default_rng(4)
    gap = (rng.random((2, 300)) < 0.4).astype(float)
    found = task_covariance(np.stack([gap / 2, gap]), np.arange(300))
    assert found[0, 1] == pytest.approx(found[1, 1] / 2)
    assert found[1, 1] == pytest.approx(task_se(gap, np.arange(300)) ** 2)


def test_fieller_is_unbounded_where_the_gap_may_be_zero():
    assert fieller(0.1, 0.01, 0.01, 0.01, 0.0) is None
    assert fieller(0.1, 0.2, 0.0, 0.0, 0.0).low == pytest.approx(0.5)


def test_wilson_is_the_textbook_interval():
    found = wilson(8, 10)
    assert (found.low, found.high) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert wilson(0, 10).low == 0.0
    assert wilson(0, 0) is None


def test_a_score_of_grouped_items_is_as_sure_as_its_effective_number_of_items():
    binomial = np.sqrt(0.8 * 0.2 / 10)
    assert score_interval(0.8, binomial, 1000).low == pytest.approx(wilson(8, 10).low)
    assert score_interval(0.8, binomial / 2, 10).low > wilson(8, 10).low
    assert score_interval(1.0, 0.0, 10) == wilson(10, 10)
    assert score_interval(0.8, float("inf"), 10) is None
