"""Lines against compute: exact on exact points, and bands that widen away from the middle."""

import numpy as np
import pytest

from w2s_ray.metrics.scaling import trend


def test_a_line_through_exact_points_is_that_line():
    found = trend(np.array([0.0, 1.0, 3.0]), np.array([0.2, 0.3, 0.5]), None)
    assert found.slope == pytest.approx(0.1)
    assert found.interval is None
    assert (found.places[0].x, found.places[-1].x) == (0.0, 3.0)
    assert found.places[-1].y == pytest.approx(0.5)


def test_without_two_different_x_there_is_no_line():
    assert trend(np.array([1.0, 1.0]), np.array([0.2, 0.5]), None) is None
    assert trend(np.array([1.0]), np.array([0.2]), None) is None


def test_the_interval_of_a_slope_is_the_closed_form_and_bands_widen_outwards():
    rng = np.random.default_rng(0)
    x, y = np.array([0.0, 1.0, 2.0, 3.0]), np.array([0.1, 0.3, 0.2, 0.4])
    found = trend(x, y, y[:, None] + 0.05 * rng.normal(size=(4, 20_000)))
    half = 1.96 * 0.05 / np.sqrt(np.square(x - x.mean()).sum())
    assert (found.interval.low, found.interval.high) == pytest.approx((0.08 - half, 0.08 + half), abs=0.002)
    widths = [place.interval.high - place.interval.low for place in found.places]
    assert widths[0] > 1.5 * widths[len(widths) // 2] < widths[-1]


def test_noise_that_all_points_share_moves_the_line_and_not_its_slope():
    shared = np.random.default_rng(1).normal(size=500)
    found = trend(np.array([0.0, 1.0, 2.0]), np.zeros(3), np.tile(shared, (3, 1)))
    assert found.interval.high == pytest.approx(0.0, abs=1e-9)
    assert found.places[0].interval.high > 1
