"""How recovery and imitation change with the distance between supervisor and student, per method."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from w2s_ray.metrics.bootstrap import Floats
from w2s_ray.metrics.scaling import trend
from w2s_ray.report.comparisons import Traced
from w2s_ray.report.results import ArmResult, Trend, TrendPoint

AXES = {"compute": "flops", "parameters": "parameters"}


def trends(arms: Sequence[Traced], *, level: float) -> list[Trend]:
    """PGR (ratio of means) and agreement on mistakes of each method with pairs of two distances at least.

    Controls are no part of a trend, and an arm is none where its number is undefined. Bands are for these tasks:
    what all pairs of a method share in the draws is shared in the band.
    """
    rungs = [each for each in arms if each.cells and not each.arm.control]
    found = [
        _trend(what, [each for each in rungs if each.arm.label == label], label, value, draws, level)
        for what, value, draws in _WHATS
        for label in dict.fromkeys(each.arm.label for each in rungs)
    ]
    return [each for each in found if each is not None]


def _trend(
    what: str,
    arms: Sequence[Traced],
    label: str,
    value: Callable[[ArmResult], float | None],
    draws: Callable[[Traced], Floats | None],
    level: float,
) -> Trend | None:
    axis = _axis(arms)
    points = [(each, y) for each in arms if (y := value(each.arm)) is not None]
    if not axis or not points:
        return None
    x_P, y_P = np.array([_log_ratio(each.arm, axis) for each, _ in points]), np.array([y for _, y in points])
    drawn = [values for each, _ in points if (values := draws(each)) is not None]
    line = trend(x_P, y_P, np.stack(drawn) if len(drawn) == len(points) else None, level=level)
    if line is None:
        return None
    placed = [TrendPoint(arm=each.arm.id, x=float(x), y=y) for (each, y), x in zip(points, x_P, strict=True)]
    return Trend(what=what, label=label, axis=axis, points=tuple(placed), line=line)


def _axis(arms: Sequence[Traced]) -> str:
    """The first axis that is known of every model, or ""."""
    return next(
        (
            axis
            for axis, field in AXES.items()
            if all(
                getattr(size, field) for each in arms for size in (each.arm.weak_size, each.arm.strong_size)
            )
        ),
        "",
    )


def _log_ratio(arm: ArmResult, axis: str) -> float:
    field = AXES[axis]
    return float(np.log10(getattr(arm.strong_size, field) / getattr(arm.weak_size, field)))


def _pgr(arm: ArmResult) -> float | None:
    return arm.numbers.ratio_of_means


def _agreement(arm: ArmResult) -> float | None:
    """Mean over tasks; None where a supervisor makes no mistake on one."""
    values = [task.agreement["weak_wrong"] for task in arm.tasks]
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known and len(known) == len(values) else None


_WHATS: tuple[tuple[str, Callable[[ArmResult], float | None], Callable[[Traced], Floats | None]], ...] = (
    ("pgr", _pgr, lambda each: each.ratio_D),
    ("agreement_on_mistakes", _agreement, lambda each: each.agreement_D),
)
