"""Accuracy and PGR of students against their size.

Sizes go on a log axis; models of unknown size are named in the plan's order instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from w2s_ray.report.drawing import axes, palette
from w2s_ray.report.drawing.material import Material

_LOOK: dict[str, Any] = {"size": (176, 184), "most": 2, "alone": (340, 240)}
_STEP = 1 / 40  # between marks side by side, of the axis
_RUNG = "!datum.control"


def accuracy_by_size(material: Material) -> Any | None:
    """Test accuracy of students against their size, a line per supervisor or method, the ceiling in black.

    The form of Burns et al. 2023, figure 3. Dotted: the supervisor itself. A control stands apart: hollow,
    on no line, with no ceiling of its own. Models of equal weights (probed, adapted, …) have lines of their own.
    """
    import altair as alt

    rows = _rows(material)
    if not rows:
        return None
    x = axes.size_axis(rows)
    y = alt.Y(
        "student:Q", title="test accuracy (%), mean over tasks", scale=alt.Scale(zero=False, padding=12)
    )
    colour, shape = axes.series(rows)
    students = alt.Chart().encode(x=x, y=y, color=colour, order="size:Q", tooltip=_tooltip())
    several = len({row["weak_name"] for row in rows}) > 1
    weak = alt.Chart().mark_rule(strokeDash=[1.5, 2.5], strokeWidth=1.3).encode(
        y="weak:Q", color=colour if several else alt.value(palette.GREY)
    )  # fmt: skip
    ceiling = axes.ceilings(alt.Chart().transform_filter(_RUNG).encode(x=x))
    layers = alt.layer(
        weak,
        *ceiling,
        *_marks(students, shape, rows, width=2),
    )
    notes = [axes.ceiling_note(rows) + " Dotted: the supervisor itself.", material.caption]
    return axes.panelled(layers, rows, "Students against their size", notes, **_LOOK)


def pgr_by_size(material: Material) -> Any | None:
    """PGR (ratio of means) with its interval against student size; 0 is the supervisor, 1 the ceiling.

    Marks of one size stand side by side, so that their intervals can be read.
    """
    import altair as alt

    rows = _side_by_side([row for row in _rows(material) if row["pgr"] is not None])
    if not rows:
        return None
    x = axes.size_axis(rows, field="place")
    y = alt.Y("pgr:Q", title="PGR (fraction of the gap)", scale=alt.Scale(padding=12))
    colour, shape = axes.series(rows)
    points = alt.Chart().encode(x=x, y=y, color=colour, order="size:Q", tooltip=_tooltip())
    marks = alt.Chart().mark_rule(color=palette.GREY, strokeDash=[4, 3]).encode(y="line:Q")
    bars = points.transform_filter("isValid(datum.low)").encode(y=alt.Y("low:Q"), y2="high:Q")
    layers = alt.layer(
        marks.transform_calculate(line="0"),
        marks.transform_calculate(line="1"),
        *([bars.mark_rule(strokeWidth=1.3)] if any(row["low"] is not None for row in rows) else []),
        *_marks(points, shape, rows, width=1.5),
    )
    notes = [material.interval_note, material.caption]
    return axes.panelled(layers, rows, "Performance gap recovered", notes, **_LOOK)


def _marks(points: Any, shape: Any, rows: Sequence[Mapping[str, Any]], *, width: float) -> list[Any]:
    """Rungs of the ladder as filled marks on a line; controls hollow, named, on no line."""
    rungs, controls = (points.transform_filter(test) for test in (_RUNG, "datum.control"))
    found = [
        rungs.mark_line(strokeWidth=width),
        rungs.encode(shape=shape).mark_point(filled=True, size=70, opacity=1),
    ]
    if any(row["control"] for row in rows):
        name = controls.mark_text(align="right", dx=-9, fontSize=11)
        found += [
            controls.encode(shape=shape).mark_point(filled=False, size=70, opacity=1, strokeWidth=2),
            name.encode(text=axes.value("not pretrained"), color=axes.value(palette.GREY)),
        ]
    return found


def _rows(material: Material) -> list[dict[str, Any]]:
    """A point per arm. Several supervisors: a line each, a panel per method; one: a line per method."""
    found = material.drawn
    apart = any(not arm.control for arm in found)  # where all are controls, they are the ladder
    several = len({arm.weak for arm in found}) > 1
    return [
        {
            **material.series(arm, f"supervisor {arm.weak}" if several else arm.label),
            "panel": arm.label if several else "",
            "weak_name": arm.weak,
            "method": arm.label,
            "control": arm.control and apart,
            **{role: 100 * value for role, value in arm.accuracy.items() if value is not None},
            "pgr": arm.numbers.ratio_of_means,
            "low": arm.interval.low if arm.interval else None,
            "high": arm.interval.high if arm.interval else None,
        }
        for arm in found
    ]


def _side_by_side(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows with a `place` on the log axis near their size, in the order of the series."""
    names = list(dict.fromkeys(row["series"] for row in rows))
    sizes = [row["size"] for row in rows if row["size"]] or [1]
    step = (max(sizes) / min(sizes) * axes.ROOM**2) ** _STEP
    middle = (len(names) - 1) / 2
    return [row | {"place": row["size"] * step ** (names.index(row["series"]) - middle)} for row in rows]


def _tooltip() -> list[Any]:
    accuracies = {role: f"{role} (%)" for role in ("weak", "student", "ceiling")}
    return [
        *axes.words(weak_name="supervisor", strong="student", method="method"),
        *axes.numbers(".1f", **accuracies),
        *axes.numbers(".2f", pgr="pgr", low="low", high="high"),
    ]
