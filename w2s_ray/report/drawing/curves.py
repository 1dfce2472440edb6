"""The course of training: test accuracy of students step by step, and PGR by where they would have stopped.

The forms of Burns et al. 2023, figures 7 and 13. Only students whose accuracy was seen at several steps (`evals`)
have a course.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from w2s_ray.report.analyses import by_task, stop_rules
from w2s_ray.report.drawing import axes, palette
from w2s_ray.report.drawing.material import Material

Curves = Mapping[str, Sequence[Sequence[float]]]  # by stage key: step, accuracy on select and on test rows
STOPS = {"weak-val": "stop by weak validation", "oracle": "stop by the oracle"}
_RULES = {"last": "last step", "weak-val": "weak validation", "oracle": "oracle"}
_SIZE, _MOST = (230, 190), 3


@dataclass(frozen=True, kw_only=True)
class Course:
    """The students of one arm: mean test accuracy by fraction of the steps done, and mean stops as fractions."""

    fraction: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    stops: Mapping[str, float]

    def at(self, fraction: float) -> float:
        """Mean accuracy, between points on the straight line."""
        return float(np.interp(fraction, self.fraction, self.accuracy))


def curves(material: Material) -> Any | None:
    """A panel per pair, a line per method; drop lines mark where the two rules stop on average."""
    import altair as alt

    rows = _course_rows(material)
    if not rows:
        return None
    shown = [row["accuracy"] for row in rows]
    room = 0.08 * (max(shown) - min(shown)) + 0.5
    floor = min(shown) - room
    scale = alt.Scale(domain=[floor, max(shown) + room], nice=False, zero=False)
    colour, shape = axes.series([row for row in rows if row["kind"] == "point"])
    x = alt.X(
        "fraction:Q", title="fraction of training steps", scale=alt.Scale(domain=[0, 1]),
        axis=alt.Axis(values=[0, 0.25, 0.5, 0.75, 1], format=".2~f", grid=False),
    )  # fmt: skip
    tooltip = [*axes.words(panel="pair", series="method"), *axes.numbers(".2f", fraction="fraction of steps"),
               *axes.numbers(".1f", accuracy="test accuracy (%)")]  # fmt: skip
    base = alt.Chart().encode(y=alt.Y("accuracy:Q", title="test accuracy (%)", scale=scale))
    points = base.encode(x=x, color=colour, tooltip=tooltip)
    stops = points.transform_filter("datum.kind == 'stop'")
    dash = alt.StrokeDash(
        "stop:N", scale=alt.Scale(domain=list(STOPS.values()), range=[[6, 3], [1.5, 2.5]]),
        legend=alt.Legend(title=None, orient="bottom", direction="vertical", symbolType="stroke"),
    )  # fmt: skip
    line = points.transform_filter("datum.kind == 'point'")
    layers = alt.layer(
        base.transform_filter("datum.kind == 'ceiling'").mark_rule(color=palette.BLACK, strokeWidth=2),
        base.transform_filter("datum.kind == 'weak'").mark_rule(color=palette.GREY, strokeDash=[2, 3]),
        stops.transform_calculate(floor=str(floor))
        .mark_rule(strokeWidth=1.5)
        .encode(y2="floor:Q", strokeDash=dash),
        line.mark_line(strokeWidth=2),
        line.encode(shape=shape).mark_point(filled=True, size=32, opacity=1),
    )
    notes = [
        "Black: ceiling (ground truth), at its end. Grey: the supervisor. Means over tasks and seeds. "
        "The oracle stops where test accuracy is best: reported, never chosen by.",
        material.caption,
    ]
    return axes.panelled(layers, rows, "Test accuracy over training", notes, size=_SIZE, most=_MOST)


def stops(material: Material) -> Any | None:
    """PGR (ratio of means) of each method had it stopped by each rule: a panel per pair."""
    import altair as alt

    rows = _stop_rows(material)
    if not any(row["pgr"] is not None for row in rows):
        return None
    colour, _ = axes.series(rows)
    order = list(_RULES.values())
    base = alt.Chart().encode(
        x=alt.X("rule:N", title="stopping rule", sort=order, axis=alt.Axis(labelAngle=0, labelFontSize=10)),
        xOffset=alt.XOffset("series:N", sort=list(dict.fromkeys(row["series"] for row in rows))),
        y=alt.Y("pgr:Q", title="PGR (fraction of the gap)", scale=alt.Scale(domain=_range(rows), nice=False)),
        tooltip=[*axes.words(panel="pair", series="method", rule="stopping rule"),
                 *axes.numbers(".2f", pgr="PGR", median="median of tasks"),
                 *axes.numbers(".1f", accuracy="student (%)")],
    )  # fmt: skip
    bars = base.transform_filter("isValid(datum.pgr)")
    layers = [
        bars.mark_bar(strokeWidth=0.7, stroke="white").encode(color=colour),
        alt.Chart().mark_rule(color=palette.GREY).encode(y=alt.datum(0)),
    ]
    if len({row["series"] for row in rows}) <= 3:
        layers.append(bars.mark_text(fontSize=10, dy=-6, color="#333333").encode(
            y="top:Q", text=alt.Text("pgr:Q", format=".2f")
        ))  # fmt: skip
    notes = [
        "Ratio of means over the tasks whose course was seen. The oracle is an upper bound: never chosen by.",
        material.caption,
    ]
    return axes.panelled(alt.layer(*layers), rows, "PGR by stopping rule", notes, size=_SIZE, most=_MOST)


def _range(rows: Sequence[Mapping[str, Any]]) -> list[float]:
    """Of the bars, with room for their numbers."""
    known = [0.0, *(row["pgr"] for row in rows if row["pgr"] is not None)]
    room = 0.1 * (max(known) - min(known))
    return [min(known) - (room if min(known) < 0 else 0), max(known) + room]


def course(cells: Sequence[dict[str, Any]], found: Curves) -> Course | None:
    """The mean over tasks of means over seeds of the cells' students; None where none was seen on its way.

    Where all have equally many points, these are averaged; else all are read at evenly spaced fractions.
    """
    tasks = {
        task: [np.asarray(found[cell["student_key"]]) for cell in its if cell["student_key"] in found]
        for task, its in by_task(cells).items()
    }
    each = [[_on_fractions(points_P3) for points_P3 in its] for its in tasks.values() if its]
    if not each:
        return None
    counts = {len(points_P3) for its in each for points_P3 in its}
    if len(counts) > 1:
        grid_P = (np.arange(max(counts)) + 1) / max(counts)
        each = [[_read_at(points_P3, grid_P) for points_P3 in its] for its in each]
    mean_P3 = np.mean([np.mean(its, axis=0) for its in each], axis=0)
    stops = {
        rule: float(np.mean([np.mean([points_P3[points_P3[:, column].argmax(), 0] for points_P3 in its])
                             for its in each]))
        for rule, column in (("weak-val", 1), ("oracle", 2))
    }  # fmt: skip
    return Course(fraction=mean_P3[:, 0], accuracy=mean_P3[:, 2], stops=stops)


def _on_fractions(points_P3: NDArray[np.float64]) -> NDArray[np.float64]:
    """Steps as fractions of the last one."""
    return np.column_stack([points_P3[:, 0] / points_P3[-1, 0], points_P3[:, 1:]])


def _read_at(points_P3: NDArray[np.float64], fraction_P: NDArray[np.float64]) -> NDArray[np.float64]:
    read = [np.interp(fraction_P, points_P3[:, 0], points_P3[:, column]) for column in (1, 2)]
    return np.column_stack([fraction_P, *read])


def _course_rows(material: Material) -> list[dict[str, Any]]:
    """A row per point, per stop, and per level of a panel, all told by `kind`."""
    stages = material.stages.to_dict("records")
    found = {stage["key"]: stage["curve"] for stage in stages if isinstance(stage.get("curve"), list)}
    rows = []
    for arm in material.drawn:
        its = course(material.cells_of.get(arm.id, ()), found)
        if its is None:
            continue
        words = {"panel": f"{arm.weak} → {arm.strong}", "series": arm.label}
        for fraction, accuracy in zip(its.fraction, its.accuracy, strict=True):
            rows.append(words | {"kind": "point", "fraction": fraction, "accuracy": 100 * accuracy})
        for rule, fraction in its.stops.items():
            stop = {"kind": "stop", "stop": STOPS[rule], "accuracy": 100 * its.at(fraction)}
            rows.append(words | stop | {"fraction": fraction})
        for kind in ("ceiling", "weak"):
            rows.append(words | {"kind": kind, "accuracy": 100 * (arm.accuracy[kind] or 0.0)})
    return rows


def _stop_rows(material: Material) -> list[dict[str, Any]]:
    drawn = {arm.id: arm for arm in material.drawn}
    means = {arm.id: [task.mean for task in arm.tasks] for arm in material.arms}
    return [
        {
            "panel": f"{row.arm.weak} → {row.arm.strong}",
            "series": drawn[row.arm.id].label,
            "rule": _RULES[row.rule],
            "pgr": row.pgr.ratio_of_means,
            "top": max(row.pgr.ratio_of_means or 0.0, 0.0),
            "median": row.pgr.median,
            "accuracy": 100 * row.accuracy,
        }
        for row in stop_rules(material.cells, means)
        if row.arm.id in drawn
    ]
