"""Agreement of students with their supervisor, where it is right and where it is wrong.

The form of Burns et al. 2023, figure 8: a student that repeats its supervisor's mistakes imitates, and larger ones
do so more.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from w2s_ray.report.drawing import axes
from w2s_ray.report.drawing.material import Material
from w2s_ray.report.results import ArmResult

WHERE = {
    "all": "all test rows",
    "weak_right": "where the supervisor is right",
    "weak_wrong": "where the supervisor is wrong",
}
_WIDTH, _HEIGHT = 225, 190


def agreement(material: Material) -> Any | None:
    """Three panels over student size, a line per method; several supervisors have a row of panels each."""
    import altair as alt

    rows = agreement_rows(material)
    if not rows:
        return None
    several = len({row["weak_name"] for row in rows}) > 1
    colour, shape = axes.series(rows, most=3)
    tooltip = [*axes.words(weak_name="supervisor", strong="student", series="method", where="on"),
               *axes.numbers(".1f", agreement="agreement (%)")]  # fmt: skip
    points = alt.Chart().encode(
        x=axes.size_axis(rows),
        y=alt.Y("agreement:Q", title="agreement (% of rows)", scale=alt.Scale(zero=False, padding=10)),
        color=colour,
        tooltip=tooltip,
    )
    line = points.transform_filter("!datum.control").mark_line(strokeWidth=2)
    rungs = points.transform_filter("!datum.control").mark_point(filled=True, size=60, opacity=1)
    hollow = points.transform_filter("datum.control").mark_point(filled=False, size=60, strokeWidth=2)
    layers = alt.layer(line.encode(order="size:Q"), rungs.encode(shape=shape), hollow.encode(shape=shape))
    column = alt.Column("where:N", sort=list(WHERE.values()), header=alt.Header(title=None))
    row = alt.Row("supervisor:N", sort=list(dict.fromkeys(row["supervisor"] for row in rows)),
                  header=alt.Header(title=None))  # fmt: skip
    facets = {"column": column} | ({"row": row} if several else {})
    chart = layers.properties(width=_WIDTH, height=_HEIGHT).facet(**facets, data=alt.Data(values=rows))
    chart = chart.resolve_scale(y="independent")
    notes = [
        "Share of test rows on which student and supervisor say the same; means over tasks and seeds. "
        "The three panels have scales of their own."
        + (" Hollow: not pretrained." if any(row["control"] for row in rows) else ""),
        material.caption,
    ]
    title = "Agreement with the supervisor" + ("" if several else f" {rows[0]['weak_name']}")
    return axes.framed(chart, title, notes, width=3 * (_WIDTH + 50))


def agreement_rows(material: Material) -> list[dict[str, Any]]:
    """A row per drawn arm and kind of rows, in percent; an arm on whose tasks it is nowhere known has none."""
    apart = any(not arm.control for arm in material.drawn)
    return [
        {
            "where": words,
            "weak_name": arm.weak,
            "supervisor": f"supervisor {arm.weak}",
            "strong": arm.strong,
            "series": arm.label,
            "size": material.sizes.get(arm.strong, 0),
            "control": arm.control and apart,
            "agreement": 100 * share,
        }
        for arm in material.drawn
        for where, words in WHERE.items()
        if (share := _mean(arm, where)) is not None
    ]


def _mean(arm: ArmResult, where: str) -> float | None:
    known = [value for task in arm.tasks if (value := task.agreement.get(where)) is not None]
    return float(np.mean(known)) if known else None
