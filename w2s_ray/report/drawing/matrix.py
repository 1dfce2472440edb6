"""How recovery transfers between sizes: a heat map of supervisors against students."""

from __future__ import annotations

from typing import Any

from w2s_ray.report.choice import ladder
from w2s_ray.report.drawing import axes, palette
from w2s_ray.report.drawing.material import Material

_CELL = 46
_NUMBERS = {"pgr": ("PGR", ".2f"), "gain": ("gain (points)", "+.1f")}


def transfer_matrix(material: Material) -> Any | None:
    """PGR and gain of each pair, a row of two maps per method. Light is much; an undefined PGR has no colour.

    There is something to see from two supervisors and two students on.
    """
    import altair as alt

    rows = matrix_rows(material)
    weak, strong = (_by_size(material, [row[field] for row in rows]) for field in ("weak_name", "strong"))
    if len(weak) < 2 or len(strong) < 2:
        return None
    methods = list(dict.fromkeys(row["method"] for row in rows))
    maps = []
    for method in methods:
        its = [row for row in rows if row["method"] == method]
        both = (_map(its, rows, field, weak, strong, method) for field in _NUMBERS)
        maps.append(alt.hconcat(*both).resolve_scale(color="independent"))
    chart = alt.vconcat(*maps)
    notes = [
        "Ratio of means over tasks; gain of the student over its supervisor. Models in the order of size. "
        "A dash: no PGR is defined.",
        material.caption,
    ]
    return axes.framed(
        chart, "Transfer between sizes", notes, width=max(420, 2 * (_CELL * len(strong) + 130))
    )


def matrix_rows(material: Material) -> list[dict[str, Any]]:
    """A row per drawn arm of the ladder, gain in points."""
    return [
        {
            "weak_name": arm.weak,
            "strong": arm.strong,
            "method": arm.label,
            "pgr": arm.numbers.ratio_of_means,
            "gain": 100 * ((arm.accuracy["student"] or 0.0) - (arm.accuracy["weak"] or 0.0)),
        }
        for arm in ladder(material.drawn)
        if arm.tasks
    ]


def _map(
    rows: list[dict[str, Any]],
    every: list[dict[str, Any]],
    field: str,
    weak: list[str],
    strong: list[str],
    method: str,
) -> Any:
    """One map; all methods share its range of colours, whose bounds bear the numbers of the plan's worst and best."""
    import altair as alt

    name, form = _NUMBERS[field]
    known = [row[field] for row in every if row[field] is not None] or [0.0]
    low, high = min(known), max(known)
    scale = alt.Scale(scheme="cividis", domain=[low, high if high > low else low + 1])
    shown = [row | {"text": format(row[field], form) if row[field] is not None else "–"} for row in rows]
    base = alt.Chart(alt.Data(values=shown)).encode(
        x=alt.X(
            "strong:N",
            title="student",
            scale=alt.Scale(domain=strong),
            axis=alt.Axis(labelAngle=0, grid=False),
        ),
        y=alt.Y(
            "weak_name:N", title="supervisor", scale=alt.Scale(domain=weak[::-1]), axis=alt.Axis(grid=False)
        ),
        tooltip=[*axes.words(weak_name="supervisor", strong="student", method="method", text=name)],
    )
    middle = (low + high) / 2
    rect = base.transform_filter(f"isValid(datum.{field})").mark_rect(stroke="white", strokeWidth=1).encode(
        color=alt.Color(f"{field}:Q", scale=scale, legend=None))  # fmt: skip
    ink = alt.condition(
        f"isValid(datum.{field}) && datum.{field} < {middle}", axes.value("white"), axes.value(palette.BLACK)
    )
    text = base.mark_text(fontSize=11).encode(text="text:N", color=ink)
    title = alt.Title(f"{method}: {name}", fontSize=11, anchor="middle", offset=4)
    return alt.layer(rect, text).properties(
        width=_CELL * len(strong), height=_CELL * 0.75 * len(weak), title=title
    )


def _by_size(material: Material, found: list[str]) -> list[str]:
    """Names once, the smallest first; those of unknown size keep their order, before all others."""
    return sorted(dict.fromkeys(found), key=lambda name: material.sizes.get(name, 0))
