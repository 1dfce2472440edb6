"""How sure: against closed forms, and by coverage on simulated sweeps."""

import numpy as np
import pytest

from w2s_ray.metrics.intervals import (
    Draws,
    TaskItems,
    bootstrap,
    fieller,
    paired_se,
    ratio_interval,
    task_se,
    wilson,
)


def items(gain, gap, group=None, task="t"):
    gain, gap = (np.asarray(each, dtype=np.float32).reshape(1, *np.shape(each)) for each in (gain, gap))
    return TaskItems(
        task=task, gain=gain, gap=gap, group=np.arange(gain.shape[-1]) if group is None else group
    )


def simulated(rng, *, pgr, gap=0.3, seeds=3, num=400, task="t"):
    """Items that the weak model gets wrong are won by student and ceiling with known chances."""
    wrong = rng.random((seeds, num)) < 0.4
    ceiling = wrong & (rng.random((seeds, num)) < gap / 0.4)
    student = ceiling & (rng.random((seeds, num)) < pgr)
    return items(student, ceiling, task=task)


def test_the_bootstrap_is_the_same_twice_and_another_for_another_task():
    one = simulated(np.random.default_rng(0), pgr=0.5)
    same, again = bootstrap(one, draws=50), bootstrap(one, draws=50)
    assert np.array_equal(same.gain, again.gain)
    other = TaskItems(task="u", gain=one.gain, gap=one.gap, group=one.group)
    assert not np.array_equal(same.gain, bootstrap(other, draws=50).gain)


def test_its_spread_is_the_closed_form_of_one_seed():
    rng = np.random.default_rng(1)
    gap = (rng.random((1, 500)) < 0.3).astype(float)
    found = bootstrap(items(gap, gap), draws=4000)
    assert found.gap.std() == pytest.approx(paired_se(gap[0], np.arange(500)), rel=0.05)


def test_gain_and_gap_are_drawn_together():
    rng = np.random.default_rng(2)
    gap = (rng.random((2, 100)) < 0.4).astype(float)
    found = bootstrap(items(gap, gap), draws=200)
    assert np.array_equal(found.gain, found.gap)
    interval = ratio_interval([found], 0, level=0.95)
    assert (interval.low, interval.high) == (1.0, 1.0)


def test_items_of_one_group_stand_or_fall_together():
    values = np.repeat([1.0, 0.0, 1.0, 0.0, 1.0, 0.0], 50)
    grouped = np.repeat(np.arange(6), 50)
    assert paired_se(values, grouped) > 5 * paired_se(values, np.arange(300))
    assert paired_se(values, np.zeros(300, int)) == float("inf")


def test_seeds_that_differ_widen_the_interval():
    rng = np.random.default_rng(3)
    alike = (rng.random((1, 400)) < 0.3).repeat(3, axis=0).astype(float)
    apart = np.stack([rng.random(400) < share for share in (0.1, 0.3, 0.5)]).astype(float)
    assert task_se(apart, np.arange(400)) > 3 * task_se(alike, np.arange(400))
    assert (
        bootstrap(items(apart, apart), draws=500).gap.std()
        > 3 * bootstrap(items(alike, alike), draws=500).gap.std()
    )


def test_an_interval_over_a_gap_that_may_be_zero_is_none():
    rng = np.random.default_rng(4)
    noise = rng.normal(size=(200, 1))
    assert ratio_interval([Draws(gain=noise, gap=noise)], 0, level=0.95) is None
    assert ratio_interval([], 0, level=0.95) is None


def test_resampling_tasks_as_well_widens_the_interval():
    rng = np.random.default_rng(5)
    tasks = [bootstrap(simulated(rng, pgr=p, task=f"t{p}"), draws=500) for p in np.linspace(0, 1, 8)]
    these = ratio_interval(tasks, 0, level=0.95)
    like = ratio_interval(tasks, 0, level=0.95, task_seed=1)
    assert like.high - like.low > 2 * (these.high - these.low)


def test_the_interval_covers_the_known_pgr_about_as_often_as_it_says():
    rng = np.random.default_rng(6)
    covered = 0
    for n in range(150):
        draws = [bootstrap(simulated(rng, pgr=0.5, num=200, task=f"{n}-{k}"), draws=200) for k in range(3)]
        interval = ratio_interval(draws, 0, level=0.9)
        covered += interval.low <= 0.5 <= interval.high
    assert 0.82 <= covered / 150 <= 0.99


def test_fieller_agrees_with_the_bootstrap_where_the_gap_is_wide():
    rng = np.random.default_rng(7)
    data = simulated(rng, pgr=0.5, seeds=1, num=2000)
    gain, gap = data.gain[0, 0].astype(float), data.gap[0, 0].astype(float)
    cov = np.cov(gain, gap) / len(gain)
    exact = fieller(gain.mean(), gap.mean(), cov[0, 0], cov[1, 1], cov[0, 1])
    drawn = ratio_interval([bootstrap(data, draws=4000)], 0, level=0.95)
    assert (drawn.low, drawn.high) == pytest.approx((exact.low, exact.high), abs=0.01)
    assert fieller(0.1, 0.01, 0.01, 0.01, 0.0) is None


def test_wilson_is_the_textbook_interval():
    found = wilson(8, 10)
    assert (found.low, found.high) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert wilson(0, 10).low == 0.0
    assert wilson(0, 0) is None
