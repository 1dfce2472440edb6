"""The figure of one pair, task by task, as bars."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from w2s_ray.report.choice import control_of, headline_arms
from w2s_ray.report.drawing import axes, palette
from w2s_ray.report.drawing.material import Material
from w2s_ray.report.results import ArmResult

_PANEL = 150


def task_bars(material: Material) -> Any | None:
    """A panel per task: supervisor, control, naive student, student of the pair's best method, ceiling.

    The form of Burns et al. 2023, figure 2, for the pair with the widest gap. "Best" is chosen over all tasks
    together, not per task.
    """
    import altair as alt

    chosen = headline_arms(material.arms)
    if chosen is None:
        return None
    bars = _bars(*chosen, control_of(material.arms, chosen[1].weak))
    best = chosen[1]
    rows = [
        {"panel": task, "bar": bar.name, "accuracy": 100 * value}
        for bar in bars
        for task, value in bar.values.items()
    ]
    domain = [bar.name for bar in bars]
    legend = alt.Legend(title=None, orient="bottom", columns=3 if len(best.tasks) <= 3 else 5)
    fills, edges = ([colours[bar.role] for bar in bars] for colours in (palette.BAR, palette.BAR_EDGE))
    fill = alt.Fill("bar:N", sort=domain, scale=alt.Scale(domain=domain, range=fills), legend=legend)
    stroke = alt.Stroke("bar:N", sort=domain, scale=alt.Scale(domain=domain, range=edges), legend=legend)
    base = alt.Chart().encode(
        x=alt.X("bar:N", sort=domain, axis=None),
        y=alt.Y(
            "accuracy:Q",
            title="test accuracy (%)",
            scale=alt.Scale(domain=[0, 112]),
            axis=alt.Axis(values=[0, 25, 50, 75, 100]),
        ),
        tooltip=[
            alt.Tooltip("panel:N", title="task"),
            alt.Tooltip("bar:N"),
            alt.Tooltip("accuracy:Q", format=".1f"),
        ],
    )
    text = base.mark_text(dy=-6, fontSize=10, color="#333333").encode(
        text=alt.Text("accuracy:Q", format=".0f")
    )
    panel = alt.layer(base.mark_bar(strokeWidth=1).encode(fill=fill, stroke=stroke), text)
    title = f"{best.weak} → {best.strong}, by task"
    notes = [material.caption]
    return axes.panelled(panel, rows, title, notes, size=(_PANEL, 130), most=4, alone=(_PANEL * 2, 200))


@dataclass(frozen=True, kw_only=True)
class _Bar:
    """One bar of each panel: what it is called, and its accuracy in 0..1 by task."""

    role: str
    name: str
    values: Mapping[str, float]


def _bars(naive: ArmResult | None, best: ArmResult, control: ArmResult | None) -> list[_Bar]:
    def bar(role: str, name: str, arm: ArmResult, field: str) -> _Bar:
        values = {task.mean.task: getattr(task.mean, field) for task in arm.tasks}
        return _Bar(role=role, name=name, values=values)

    found = [bar("weak", f"supervisor {best.weak}", best, "weak")]
    if control:
        found.append(bar("control", f"{control.strong}: {control.label}, not pretrained", control, "student"))
    if naive:
        found.append(bar("naive", naive.label, naive, "student"))
    if best is not naive:
        found.append(bar("best", best.label, best, "student"))
    return [*found, bar("ceiling", f"ceiling {best.strong}", best, "ceiling")]
