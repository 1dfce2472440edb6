"""The figures: one function each, one definition for the page (interactive) and for SVG and PNG.

Each takes the arms' results and the sizes of models (number of parameters by name, where known) and returns
an Altair chart, or None where there is nothing to draw. Sizes go on a log axis; models of unknown size are
named in the plan's order instead.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from w2s_ray.report import palette
from w2s_ray.report.bars import task_bars
from w2s_ray.report.choice import drawn_arms
from w2s_ray.report.results import ArmResult

Sizes = Mapping[str, int]
Figure = Callable[[Sequence[ArmResult], Sizes, str], Any]
_WIDTH, _HEIGHT = 340, 240
_ROOM = 1.8  # beyond the smallest and the largest size, as a factor
_STEP = 1 / 40  # between marks side by side, of the axis
_RUNG = "!datum.control"


def accuracy_by_size(arms: Sequence[ArmResult], sizes: Sizes, caption: str) -> Any | None:
    """Test accuracy of students against their size, a line per supervisor or method, the ceiling in black.

    The form of Burns et al. 2023, figure 3. Dashed: the supervisor itself. A control stands apart: hollow,
    on no line, with no ceiling of its own.
    """
    import altair as alt

    rows = _rows(arms, sizes)
    if not rows:
        return None
    x = _size_axis(rows, sizes)
    y = alt.Y(
        "student:Q", title="test accuracy (%), mean over tasks", scale=alt.Scale(zero=False, padding=12)
    )
    colour, shape = _encodings(rows, "series")
    students = alt.Chart().encode(x=x, y=y, color=colour, order="size:Q", tooltip=_tooltip())
    several = len({row["weak_name"] for row in rows}) > 1
    weak = alt.Chart().mark_rule(strokeDash=[2, 3], strokeWidth=1.3).encode(
        y="weak:Q", color=colour if several else alt.value(palette.GREY)
    )  # fmt: skip
    ceiling = alt.Chart().transform_filter(_RUNG).encode(x=x, y="ceiling:Q", order="size:Q")
    layers = alt.layer(
        weak,
        ceiling.mark_line(color=palette.BLACK, strokeWidth=2),
        ceiling.mark_point(color=palette.BLACK, filled=True, size=30, opacity=1),
        *_marks(students, shape, rows, width=2),
    )
    title = ["Black: ceiling (ground truth). Dashed: the supervisor itself.", *_lines(caption)]
    return _panelled(layers, rows, "Students against their size", title)


def pgr_by_size(arms: Sequence[ArmResult], sizes: Sizes, caption: str) -> Any | None:
    """PGR (ratio of means) with its interval against student size; 0 is the supervisor, 1 the ceiling.

    Marks of one size stand side by side, so that their intervals can be read.
    """
    import altair as alt

    rows = _side_by_side([row for row in _rows(arms, sizes) if row["pgr"] is not None])
    if not rows:
        return None
    x = _size_axis(rows, sizes, field="place")
    y = alt.Y("pgr:Q", title="PGR (fraction of the gap)", scale=alt.Scale(padding=12))
    colour, shape = _encodings(rows, "series")
    points = alt.Chart().encode(x=x, y=y, color=colour, order="size:Q", tooltip=_tooltip())
    marks = alt.Chart().mark_rule(color=palette.GREY, strokeDash=[4, 3]).encode(y="line:Q")
    bars = points.transform_filter("isValid(datum.low)").encode(y=alt.Y("low:Q"), y2="high:Q")
    layers = alt.layer(
        marks.transform_calculate(line="0"),
        marks.transform_calculate(line="1"),
        bars.mark_rule(strokeWidth=1.5, opacity=0.7),
        *_marks(points, shape, rows, width=1.5),
    )
    level = next((arm.interval.level for arm in arms if arm.interval), None)
    note = "No interval could be computed."
    if level:
        note = f"Bars: {100 * level:g}% intervals over seeds and test items, for these tasks."
    return _panelled(layers, rows, "Performance gap recovered", [note, *_lines(caption)])


FIGURES: Mapping[str, Figure] = {
    "accuracy-by-size": accuracy_by_size,
    "pgr-by-size": pgr_by_size,
    "tasks": task_bars,
}


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
            name.encode(text=_value("not pretrained"), color=_value(palette.GREY)),
        ]
    return found


def _value(value: str) -> Any:
    import altair as alt

    return alt.value(value)


def _rows(arms: Sequence[ArmResult], sizes: Sizes) -> list[dict[str, Any]]:
    """A point per arm. Several supervisors: a line each, a panel per method; one: a line per method."""
    found = drawn_arms(arms)
    apart = any(not arm.control for arm in found)  # where all are controls, they are the ladder
    several = len({arm.weak for arm in found}) > 1
    return [
        {
            "series": f"supervisor {arm.weak}" if several else arm.label,
            "panel": arm.label if several else "",
            "weak_name": arm.weak,
            "strong": arm.strong,
            "method": arm.label,
            "size": sizes.get(arm.strong, 0),
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
    step = (max(sizes) / min(sizes) * _ROOM**2) ** _STEP
    middle = (len(names) - 1) / 2
    return [row | {"place": row["size"] * step ** (names.index(row["series"]) - middle)} for row in rows]


def _size_axis(rows: Sequence[Mapping[str, Any]], sizes: Sizes, field: str = "size") -> Any:
    import altair as alt

    if all(row["size"] for row in rows):
        rungs = [row for row in rows if not row["control"]] or rows
        named = dict(sorted({row["size"]: row["strong"] for row in rungs}.items()))
        values = sorted({row["size"] for row in rows})
        label = f"[format(datum.value, '.2~s'), {json.dumps(named)}[datum.value]]"
        axis = alt.Axis(values=list(named), labelExpr=label, labelOverlap=True, grid=False)
        domain = [values[0] / _ROOM, values[-1] * _ROOM]
        scale = alt.Scale(type="log", domain=domain, nice=False)
        return alt.X(f"{field}:Q", title="student size (parameters)", scale=scale, axis=axis)
    order = list(dict.fromkeys(row["strong"] for row in rows))
    return alt.X("strong:N", title="student model", sort=order, axis=alt.Axis(labelAngle=0))


def _encodings(rows: Sequence[Mapping[str, Any]], field: str) -> tuple[Any, Any]:
    import altair as alt

    domain = list(dict.fromkeys(row[field] for row in rows))
    colours, shapes = palette.series(len(domain))
    legend = alt.Legend(
        title=None, orient="bottom", direction="vertical", columns=1 if len(domain) < 4 else 2
    )
    colour = alt.Color(
        f"{field}:N", sort=domain, scale=alt.Scale(domain=domain, range=colours), legend=legend
    )
    shape = alt.Shape(f"{field}:N", sort=domain, scale=alt.Scale(domain=domain, range=shapes), legend=legend)
    return colour, shape


def _panelled(layers: Any, rows: list[dict[str, Any]], title: str, subtitle: list[str]) -> Any:
    import altair as alt

    panels = list(dict.fromkeys(row["panel"] for row in rows))
    data = alt.Data(values=rows)
    head = alt.Title(title, subtitle=subtitle)
    if len(panels) == 1:
        return palette.theme(layers.properties(data=data, width=_WIDTH, height=_HEIGHT, title=head))
    facet = alt.Facet("panel:N", sort=panels, header=alt.Header(title=None))
    chart = layers.properties(width=190, height=_HEIGHT * 0.8).facet(facet=facet, columns=2, data=data)
    return palette.theme(chart.properties(title=head))


def _tooltip() -> list[Any]:
    import altair as alt

    words = [alt.Tooltip(f"{name}:N", title=shown) for name, shown in
             (("weak_name", "supervisor"), ("strong", "student"), ("method", "method"))]  # fmt: skip
    accuracies = [
        alt.Tooltip(f"{name}:Q", title=f"{name} (%)", format=".1f") for name in ("weak", "student", "ceiling")
    ]
    return [*words, *accuracies, *(alt.Tooltip(f"{name}:Q", format=".2f") for name in ("pgr", "low", "high"))]


def _lines(caption: str) -> list[str]:
    return [caption] if caption else []
