"""The bootstrap: what is drawn together, what a draw depends on, and how often an interval holds the truth."""

import numpy as np
import pytest

from w2s_ray.metrics import bootstrap
from w2s_ray.metrics.bootstrap import (
    Trainings,
    accuracy_draws,
    bounded,
    level_for_few,
    ratio_interval,
    ratios,
    seed_draws,
    task_draws,
)
from w2s_ray.metrics.intervals import fieller, paired_se, task_covariance, task_se


def drawn_of(*rights, group=None, task="t", draws=1500, seed=0):
    """Accuracies of trainings [seeds, items]."""
    trainings = [Trainings(seeds=tuple(range(len(right))), right=np.asarray(right)) for right in rights]
    group = np.arange(rights[0].shape[1]) if group is None else group
    return accuracy_draws(task, trainings, group, draws=draws, seed=seed)


def coins(num, *, seed=0, seeds=1, share=0.6):
    return np.random.default_rng(seed).random((seeds, num)) < share


def test_a_draw_depends_on_no_other_training_and_on_no_order():
    rights = [coins(301, seed=n, seeds=1 + n % 3) for n in range(7)]
    whole = drawn_of(*rights)
    assert np.array_equal(drawn_of(*rights[::-1])[::-1], whole)
    assert np.array_equal(drawn_of(rights[4])[0], whole[4])


def test_more_draws_begin_with_the_same_items_and_another_seed_or_task_has_others():
    right = coins(100)
    some = drawn_of(right, draws=1030)
    assert np.array_equal(drawn_of(right, draws=2100)[:, :1030], some)
    assert not np.array_equal(drawn_of(right, draws=1030, seed=1), some)
    assert not np.array_equal(drawn_of(right, draws=1030, task="u"), some)


def test_each_block_of_draws_is_another():
    drawn = drawn_of(coins(50), draws=3 * bootstrap._BLOCK)[0].reshape(3, -1)
    assert np.abs(np.corrcoef(drawn)[np.triu_indices(3, 1)]).max() < 0.15


def test_the_spread_over_items_is_the_closed_form_and_knows_groups():
    right = coins(120).repeat(5, axis=1)
    for group in (np.arange(600), np.repeat(np.arange(120), 5)):
        drawn = drawn_of(right, group=group, draws=4000)
        assert drawn.std() == pytest.approx(paired_se(right[0].astype(float), group), rel=0.05)
        assert drawn.mean() == pytest.approx(right.mean(), abs=0.002)


def test_trainings_of_one_task_see_the_same_items():
    right = coins(200, seeds=3)
    assert np.allclose(drawn_of(right, ~right).sum(axis=0), 1.0)


@pytest.mark.parametrize("apart", [0.0, 0.1, 0.3])
def test_the_spread_over_seeds_and_items_is_the_closed_form(apart):
    """What is particular to a seed and an item counts once; it was counted three times."""
    shares = 0.5 + apart * np.linspace(-1, 1, 4)
    right = np.random.default_rng(1).random((4, 300)) < shares[:, None]
    expected = task_se(right.astype(float), np.arange(300))
    assert drawn_of(right, draws=6000).std() == pytest.approx(expected, rel=0.05)


def test_seeds_are_drawn_without_one_so_that_their_spread_is_unbiased():
    values = np.array([0.1, 0.5, 0.4, 0.9])
    weight = seed_draws("t", [0, 1, 2, 3], draws=20_000)
    assert weight.sum(axis=0) == pytest.approx(1.0)
    assert (values @ weight).std() == pytest.approx(values.std(ddof=1) / 2, rel=0.03)
    assert np.array_equal(seed_draws("t", [2, 0, 3, 1], draws=20_000), weight[[2, 0, 3, 1]])
    assert (seed_draws("t", [7], draws=5) == 1).all()


def test_tasks_are_drawn_by_name_in_whatever_order_they_come():
    names = [f"t{n}" for n in range(9)]
    forward, backward = task_draws(names, draws=50), task_draws(names[::-1], draws=50)
    assert forward.shape == (50, 8)
    assert np.array_equal(np.array(names)[forward], np.array(names[::-1])[backward])


def test_a_draw_without_a_gap_is_counted_at_the_end_that_its_gain_points_to():
    gain, gap = np.array([0.1, -0.1, 0.1, 0.0]), np.array([0.2, 0.0, -0.2, -0.1])
    found = ratios(gain, gap)
    assert found[0] == pytest.approx(0.5)
    assert found[1] < -1e6
    assert found[2] > 1e6
    assert found[3] == 0


def test_an_interval_that_ends_among_draws_without_a_gap_is_unbounded():
    rng = np.random.default_rng(4)
    gain, gap = 0.1 + 0.01 * rng.normal(size=4000), 0.2 + 0.05 * rng.normal(size=4000)
    fine = ratio_interval(ratios(gain, gap), gap, level=0.95)
    assert fine.low < 0.5 < fine.high
    some = np.where(np.arange(4000) < 40, -gap, gap)  # one draw in a hundred: kept, at the far end
    assert ratio_interval(ratios(gain, some), some, level=0.95).high > fine.high
    near = gap - 0.12
    assert ratio_interval(ratios(gain, near), near, level=0.95) is None
    assert bounded(ratios(gain, near), level=0.95) is None


def simulated(rng, *, pgr, gap=0.3, seeds=3, groups=150, spread=0.05):
    """Weak, student and ceiling [3, seeds, items] on items in pairs, with a known share of the gap recovered.

    Luck is partly the pair's own and partly that of a pair in a seed; seeds have a mood of their own.
    """
    shape = (seeds, groups)
    hard = rng.random((seeds, groups)) < 0.4 + 0.2 * (rng.random(groups) < 0.5)
    own = rng.random(shape) < 0.5
    luck, taught = (np.where(own, rng.random(groups), rng.random(shape)) for _ in range(2))
    wins = hard & (luck < gap / 0.5 + spread * rng.normal(size=(seeds, 1)))
    learns = wins & (taught < pgr + spread * rng.normal(size=(seeds, 1)))
    return np.stack([~hard, ~hard | learns, ~hard | wins]).repeat(2, axis=2)


def gains(right, name, draws):
    """Drawn mean gain and gap of one task."""
    weak, student, ceiling = drawn_of(*right, group=np.arange(right.shape[2]) // 2, task=name, draws=draws)
    return student - weak, ceiling - weak


def test_the_interval_for_these_tasks_covers_about_as_often_as_it_says():
    rng, covered, num = np.random.default_rng(6), 0, 300
    for n in range(num):
        drawn = [gains(simulated(rng, pgr=0.5), f"{n}-{k}", 300) for k in range(3)]
        gain, gap = np.sum(drawn, axis=0)
        found = ratio_interval(ratios(gain, gap), gap, level=0.95)
        covered += found.low <= 0.5 <= found.high
    assert 0.92 <= covered / num <= 0.98


@pytest.mark.parametrize("kinds", [(0.2, 0.5, 0.8), (0.5,)])
def test_the_interval_for_tasks_like_these_covers_whether_tasks_differ_or_not(kinds):
    """Tasks have one of these PGR, equally often; their seeds and items are noise of their means."""
    rng, covered, num = np.random.default_rng(7), 0, 300
    picked = task_draws([f"t{k}" for k in range(10)], draws=1000).T
    for _ in range(num):
        rights = [simulated(rng, pgr=rng.choice(kinds), seeds=2, groups=60) for _ in range(10)]
        weak, student, ceiling = np.array([right.mean(axis=(1, 2)) for right in rights]).T
        gain, gap = (student - weak)[picked].sum(axis=0), (ceiling - weak)[picked].sum(axis=0)
        found = ratio_interval(ratios(gain, gap), gap, level=level_for_few(0.95, 10))
        covered += found.low <= 0.5 <= found.high
    assert 0.92 <= covered / num <= 0.98


def test_few_observations_need_a_wider_interval():
    assert level_for_few(0.95, 8) == pytest.approx(0.982, abs=0.001)
    assert level_for_few(0.95, 10_000) == pytest.approx(0.95, abs=0.001)


def test_fieller_agrees_with_the_bootstrap_where_the_gap_is_wide():
    right = simulated(np.random.default_rng(8), pgr=0.5, seeds=1, groups=1000)
    weak, student, ceiling = right.astype(float)
    cov = task_covariance(np.stack([student - weak, ceiling - weak]), np.arange(2000) // 2)
    exact = fieller(
        float((student - weak).mean()), float((ceiling - weak).mean()), cov[0, 0], cov[1, 1], cov[0, 1]
    )
    gain, gap = gains(right, "t", 6000)
    drawn = ratio_interval(ratios(gain, gap), gap, level=0.95)
    assert (drawn.low, drawn.high) == pytest.approx((exact.low, exact.high), abs=0.004)
