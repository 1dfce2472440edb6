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
_SPAN = 20.0  # points that an axis shows at least


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
    x = axes.size_axis(rows)
    controls = any(row["control"] for row in rows)
    supervisors = list(dict.fromkeys(row["supervisor"] for row in rows))
    data, charts = alt.Data(values=rows), []
    for place, (where, domain) in enumerate(_domains(rows).items()):
        scale = alt.Scale(domain=domain, nice=False, zero=False)
        y = alt.Y("agreement:Q", title=None if place else "agreement (% of rows)", scale=scale)
        points = alt.Chart().encode(x=x, y=y, color=colour, tooltip=tooltip)
        rungs = points.transform_filter("!datum.control")
        layers = alt.layer(
            rungs.mark_line(strokeWidth=2).encode(order="size:Q"),
            rungs.encode(shape=shape).mark_point(filled=True, size=60, opacity=1),
        )
        if controls:
            hollow = points.transform_filter("datum.control").encode(shape=shape)
            layers += hollow.mark_point(filled=False, size=60, strokeWidth=2)
        chart = layers.properties(width=_WIDTH, height=_HEIGHT)
        if several:
            header = alt.Header(title=None, labels=not place)
            row = alt.Row("supervisor:N", sort=supervisors, header=header)
            chart = chart.facet(row=row, data=data)
        head = alt.Title(where, fontSize=12, anchor="middle", offset=6)
        charts.append(chart.transform_filter(f"datum.where == '{where}'").properties(title=head))
    chart = alt.hconcat(*charts, data=data)
    notes = [
        "Share of test rows on which student and supervisor say the same; means over tasks and seeds. Scales differ."
        + (" Hollow: not pretrained." if controls else ""),
        material.caption,
    ]
    title = "Agreement with the supervisor" + ("" if several else f" {rows[0]['weak_name']}")
    return axes.framed(chart, title, notes, width=3 * (_WIDTH + 40))


def agreement_rows(material: Material) -> list[dict[str, Any]]:
    """A row per drawn arm and kind of rows, in percent; an arm on whose tasks it is nowhere known has none."""
    apart = any(not arm.control for arm in material.drawn)
    return [
        {
            "where": words,
            "weak_name": arm.weak,
            "supervisor": f"supervisor {arm.weak}",
            **material.series(arm, arm.label),
            "control": arm.control and apart,
            "agreement": 100 * share,
        }
        for arm in material.drawn
        for where, words in WHERE.items()
        if (share := _mean(arm, where)) is not None
    ]


def _domains(rows: list[dict[str, Any]]) -> dict[str, list[float]]:
    """The range of each panel's axis, wide enough that noise does not look like a slope."""
    found = {}
    for where in dict.fromkeys(row["where"] for row in rows):
        shown = [row["agreement"] for row in rows if row["where"] == where]
        room = max(1.0, (_SPAN - (max(shown) - min(shown))) / 2)
        found[where] = [max(0.0, min(shown) - room), min(101.0, max(shown) + room)]
    return found


def _mean(arm: ArmResult, where: str) -> float | None:
    known = [value for task in arm.tasks if (value := task.agreement.get(where)) is not None]
    return float(np.mean(known)) if known else None
