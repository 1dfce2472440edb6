"""Is one method better than another: against published tables and by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from w2s_ray.metrics.comparison import detectable, holm, paired_tests


def tests_of(*values):
    return paired_tests({f"t{n}": value for n, value in enumerate(values)})


def test_six_wins_of_six_are_the_first_that_can_be_significant():
    found = tests_of(0.01, 0.02, 0.03, 0.04, 0.05, 0.06)
    assert (found.wins, found.ties, found.losses) == (6, 0, 0)
    assert (found.wilcoxon, found.sign, found.least_p) == pytest.approx((2 / 64, 2 / 64, 2 / 64))
    assert tests_of(0.01, 0.02, 0.03, 0.04, 0.05).least_p > 0.05


def test_the_worst_loss_is_named():
    found = tests_of(0.05, -0.07, 0.02)
    assert found.worst == ("t1", -0.07)
    assert (found.wins, found.losses, found.num_tasks) == (2, 1, 3)
    assert found.mean == pytest.approx(0.0)


def test_rounding_is_no_win():
    found = tests_of(1e-17, -1e-17)
    assert (found.wins, found.ties, found.losses) == (0, 2, 0)
    assert (found.wilcoxon, found.sign) == (1.0, 1.0)
    assert paired_tests({}) is None


def test_fourteen_data_sets_give_the_published_ranks():
    """Demšar 2006, table 2: C4.5 with and without m; R+ = 93, R- = 12, significant at .05."""
    differences = [5, -8, 17, 33, 6, -5, 7, 0, 63, 0, 22, 47, 9, 21]  # thousandths of AUC
    found = tests_of(*(each / 1000 for each in differences))
    assert (found.wins, found.ties, found.losses) == (10, 2, 2)
    assert stats.wilcoxon(differences, zero_method="zsplit").statistic == 12
    assert found.wilcoxon == pytest.approx(stats.wilcoxon(differences, zero_method="zsplit").pvalue)
    assert found.wilcoxon < 0.05
    assert found.sign == pytest.approx(stats.binomtest(10, 12).pvalue)


def test_what_can_be_detected_is_detected_four_times_in_five():
    rng = np.random.default_rng(0)
    spread, num = 0.03, 10
    effect = np.mean([detectable(rng.normal(0, spread, num).tolist()) for _ in range(400)])
    runs = rng.normal(effect, spread, size=(2000, num))
    power = np.mean(stats.ttest_1samp(runs, 0, axis=1).pvalue < 0.05)
    assert power == pytest.approx(0.8, abs=0.06)
    assert detectable([0.1]) is None


def test_holm_is_the_textbook_procedure():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_never_lowers_a_p_value_and_keeps_their_order(values):
    found = holm(values)
    assert all(value <= adjusted <= 1 for value, adjusted in zip(values, found, strict=True))
    order = np.argsort(values, kind="stable")
    assert np.all(np.diff(np.array(found)[order]) >= 0)
