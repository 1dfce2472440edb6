"""All methods of one pair, sorted, as dots with intervals: accuracy beside PGR.

Also the form in which structures of simulated errors are compared (Burns et al. 2023, figure 25).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import Any

from w2s_ray.metrics.intervals import Interval
from w2s_ray.report.drawing import axes, palette
from w2s_ray.report.drawing.material import Material
from w2s_ray.report.results import ArmResult

FEWEST = 3  # methods: with fewer, other figures say as much
_WIDTH, _STEP = 230, 20


def methods(material: Material) -> Any | None:
    """The pair with the most methods; of equal ones that with the widest gap. The best is on top."""
    import altair as alt

    arms = compared(material.arms)
    if arms is None:
        return None
    rows = method_rows(arms)
    order = [row["method"] for row in rows]
    naive = next((row for row in rows if row["naive"]), None)
    left = _dots(rows, order, "accuracy", "test accuracy (%), mean over tasks", named=True)
    right = _dots(rows, order, "pgr", "PGR (fraction of the gap)", named=False)
    levels = {"ceiling": rows[0]["ceiling"], "weak": rows[0]["weak"]}
    rules = [
        _level(levels["weak"], palette.GREY, [1.5, 2.5]),
        _level(levels["ceiling"], palette.BLACK, [1, 0]),
    ]
    bounds = [_level(0, palette.GREY, [1.5, 2.5]), _level(1, palette.BLACK, [1, 0])]
    if naive is not None:
        rules.append(_level(naive["accuracy"], palette.COLOURS[0], [5, 3]))
        bounds += [] if naive["pgr"] is None else [_level(naive["pgr"], palette.COLOURS[0], [5, 3])]
    panels = [alt.layer(*rules, *left)]
    lacking = [row["method"] for row in rows if row["pgr"] is None]
    if len(lacking) < len(rows):
        panels.append(alt.layer(*bounds, *right))
    height = _STEP * len(rows)
    chart = alt.hconcat(
        *(panel.properties(width=_WIDTH, height=height) for panel in panels), data=alt.Data(values=rows)
    )
    notes = [
        "Dotted grey: the supervisor. Black: the ceiling." + (" Dashed blue: naive." if naive else ""),
        material.interval_note if len(panels) > 1 else "",
        f"No PGR is defined for {len(lacking)} of {len(rows)}." if lacking else "",
        material.caption,
    ]
    width = len(panels) * _WIDTH + 120
    return axes.framed(chart, f"Methods on {arms[0].weak} → {arms[0].strong}", notes, width=width)


def compared(arms: Sequence[ArmResult]) -> list[ArmResult] | None:
    """The arms of the pair to show; None where no pair has enough of them."""
    pairs: dict[tuple[str, str], list[ArmResult]] = {}
    for arm in arms:
        if arm.tasks:
            pairs.setdefault((arm.weak, arm.strong), []).append(arm)
    most = max(pairs.values(), key=lambda its: (len(its), _gap(its[0])), default=[])
    return most if len(most) >= FEWEST else None


def method_rows(arms: Sequence[ArmResult]) -> list[dict[str, Any]]:
    """A row per arm, the best PGR first, those without one last, by accuracy; accuracies in percent."""
    rows = []
    for arm in arms:
        score = score_interval(arm)
        rows.append({
            "method": arm.label,
            "naive": arm.method == "naive",
            "best": False,
            "weak": 100 * (arm.accuracy["weak"] or 0.0),
            "ceiling": 100 * (arm.accuracy["ceiling"] or 0.0),
            "accuracy": 100 * (arm.accuracy["student"] or 0.0),
            "accuracy_low": 100 * score.low if score else None,
            "accuracy_high": 100 * score.high if score else None,
            "pgr": arm.numbers.ratio_of_means,
            "pgr_low": arm.interval.low if arm.interval else None,
            "pgr_high": arm.interval.high if arm.interval else None,
        })  # fmt: skip
    return sorted(rows, key=lambda row: (row["pgr"] is None, -(row["pgr"] or 0.0), -row["accuracy"]))


def score_interval(arm: ArmResult) -> Interval | None:
    """Of the mean student accuracy: the tasks are independent, so the squares of their half-widths add up."""
    each = [task.accuracy.get("student") for task in arm.tasks]
    known = [interval for interval in each if interval is not None]
    mean = arm.accuracy["student"]
    if len(known) < len(each) or not known or mean is None:
        return None
    low, high = (
        sqrt(sum((getattr(interval, side) - task.mean.student) ** 2
                 for interval, task in zip(known, arm.tasks, strict=True))) / len(known)
        for side in ("low", "high")
    )  # fmt: skip
    return Interval(low=mean - low, high=mean + high, level=known[0].level)


def _dots(rows: Sequence[Any], order: list[str], field: str, title: str, *, named: bool) -> list[Any]:
    import altair as alt

    axis = alt.Axis(labelLimit=400, title=None, ticks=False, domain=False, grid=True) if named else None
    base = alt.Chart().transform_filter(f"isValid(datum.{field})").encode(
        y=alt.Y("method:N", sort=order, axis=axis, scale=alt.Scale(domain=order)),
        tooltip=[*axes.words(method="method"),
                 *axes.numbers(".1f", accuracy="student (%)", weak="supervisor (%)", ceiling="ceiling (%)"),
                 *axes.numbers(".2f", pgr="PGR", pgr_low="low", pgr_high="high")],
    )  # fmt: skip
    x = alt.X(f"{field}:Q", title=title, scale=alt.Scale(zero=False, padding=10), axis=alt.Axis(grid=False))
    colour = alt.condition("datum.naive", axes.value(palette.COLOURS[0]), axes.value("#333333"))
    shape = alt.condition("datum.naive", axes.value("diamond"), axes.value("circle"))
    dots = base.mark_point(filled=True, size=60, opacity=1).encode(x=x, color=colour, shape=shape)
    if all(row[f"{field}_low"] is None for row in rows):
        return [dots]
    bars = base.transform_filter(f"isValid(datum.{field}_low)").mark_rule(strokeWidth=1.6)
    return [bars.encode(x=alt.X(f"{field}_low:Q"), x2=f"{field}_high:Q", color=colour), dots]


def _level(at: float, colour: str, dash: list[float]) -> Any:
    import altair as alt

    return alt.Chart().mark_rule(color=colour, strokeDash=dash, strokeWidth=1.3).encode(x=alt.datum(at))


def _gap(arm: ArmResult) -> float:
    return (arm.accuracy["ceiling"] or 0.0) - (arm.accuracy["weak"] or 0.0)
