"""Every task in a panel of its own: student accuracy against size (Burns et al. 2023, figure 12)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from w2s_ray.report.choice import headline_arms, ladder
from w2s_ray.report.drawing import axes, palette
from w2s_ray.report.drawing.material import Material
from w2s_ray.report.results import ArmResult

_SIZE, _MOST = (165, 110), 4


def panels(material: Material) -> Any | None:
    """A line per supervisor (solid: naive, dashed: the best method), or with one supervisor a line per method.

    Black is the ceiling; dotted is the supervisor itself.
    """
    import altair as alt

    rows = panel_rows(material)
    if not rows:
        return None
    colour, shape = axes.series(rows, most=3)
    several = len({row["weak_name"] for row in rows}) > 1
    x = axes.size_axis(rows)
    x.title = None
    tooltip = [*axes.words(panel="task", weak_name="supervisor", strong="student", method="method"),
               *axes.numbers(".1f", weak="supervisor (%)", student="student (%)", ceiling="ceiling (%)")]  # fmt: skip
    y = alt.Y("student:Q", title="test accuracy (%)", scale=alt.Scale(zero=False, nice=False, padding=9))
    base = alt.Chart().encode(x=x, tooltip=tooltip)
    students = base.encode(y=y, color=colour)
    weak = alt.Chart().mark_rule(strokeDash=[1.5, 2.5], strokeWidth=1.2)
    line = students.encode(order="size:Q")
    marks = students.encode(shape=shape)
    methods = list(dict.fromkeys(row["method"] for row in rows))
    if several:
        dash = alt.Scale(domain=methods, range=[[1, 0], [5, 3]][: len(methods)])
        legend = alt.Legend(title=None, orient="bottom", symbolType="stroke", direction="vertical")
        line = line.encode(strokeDash=alt.StrokeDash("method:N", sort=methods, scale=dash, legend=legend))
    first = marks
    second = []
    if several and len(methods) > 1:
        is_first = f"datum.method == {json.dumps(methods[0])}"
        first = marks.transform_filter(is_first)
        hollow = marks.transform_filter(f"!({is_first})")
        second = [hollow.mark_point(fill="white", size=36, opacity=1, strokeWidth=1.6)]
    layers = alt.layer(
        weak.encode(y="weak:Q", color=colour if several else axes.value(palette.GREY)),
        *axes.ceilings(base),
        line.mark_line(strokeWidth=1.6),
        first.mark_point(filled=True, size=36, opacity=1),
        *second,
    )
    notes = [
        f"{axes.ceiling_note(rows)} Dotted: the supervisor itself. Means over seeds; scales differ."
        + (" Hollow marks on dashes: the second method." if second else ""),
        material.caption,
    ]
    title = "Students against their size (parameters), by task"
    return axes.panelled(layers, rows, title, notes, size=_SIZE, most=_MOST, own=["y"])


def panel_rows(material: Material) -> list[dict[str, Any]]:
    """A row per arm and task, accuracies in percent. Controls are no rungs, and have no place here."""
    arms = [arm for arm in ladder(material.drawn) if arm.tasks]
    several = len({arm.weak for arm in arms}) > 1
    kept = _two_methods(material.arms) if several else {arm.label for arm in arms}
    return [
        {
            "panel": task.mean.task,
            **material.series(arm, f"supervisor {arm.weak}" if several else arm.label),
            "weak_name": arm.weak,
            "method": arm.label,
            "control": False,
            **{role: 100 * getattr(task.mean, role) for role in ("weak", "student", "ceiling")},
        }
        for arm in sorted(arms, key=lambda arm: arm.method != "naive")
        if arm.label in kept
        for task in arm.tasks
    ]


def _two_methods(arms: Sequence[ArmResult]) -> set[str]:
    """Naive and the best method of the widest gap, where there are such."""
    chosen = headline_arms(arms)
    if chosen is None:
        return {next(arm.label for arm in arms if arm.tasks)}
    return {arm.label for arm in chosen if arm is not None}
