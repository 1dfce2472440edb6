"""How a number changes with compute: least squares against log10 of a ratio, with bands from draws.

A line is drawn through every draw of the points, so that what they share (the test items of a task, a supervisor)
is shared by the draws, as it was when they were measured.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from w2s_ray.metrics.bootstrap import central
from w2s_ray.metrics.intervals import Interval

Floats = NDArray[np.float64]
NUM_PLACES = 17  # at which a band is given


@dataclass(frozen=True, kw_only=True)
class BandPlace:
    """The line at one `x`; `interval` is None where there are no draws."""

    x: float
    y: float
    interval: Interval | None


@dataclass(frozen=True, kw_only=True)
class Line:
    """A least-squares line: the change per factor of ten, and its band from the smallest to the largest x."""

    slope: float
    interval: Interval | None
    places: tuple[BandPlace, ...]


def trend(x_P: Floats, y_P: Floats, draws_PD: Floats | None, *, level: float = 0.95) -> Line | None:
    """The line through points, `x` in powers of ten; None where they do not have two different x.

    `draws_PD` are bootstrap draws of every point's y, drawn together.
    """
    if len(x_P) < 2 or np.ptp(x_P) < 1e-9:
        return None
    at_X = np.linspace(x_P.min(), x_P.max(), NUM_PLACES)
    weight_P = (x_P - x_P.mean()) / np.square(x_P - x_P.mean()).sum()
    from_mean_X = at_X - x_P.mean()
    slope = float(weight_P @ y_P)
    line_X = y_P.mean() + slope * from_mean_X
    if draws_PD is None:
        places = [BandPlace(x=float(x), y=float(y), interval=None) for x, y in zip(at_X, line_X, strict=True)]
        return Line(slope=slope, interval=None, places=tuple(places))
    slope_D = np.einsum("p,pd->d", weight_P, draws_PD)
    drawn_XD = draws_PD.mean(axis=0) + from_mean_X[:, None] * slope_D
    places = [
        BandPlace(x=float(x), y=float(y), interval=central(drawn_D, level=level))
        for x, y, drawn_D in zip(at_X, line_X, drawn_XD, strict=True)
    ]
    return Line(slope=slope, interval=central(slope_D, level=level), places=tuple(places))
