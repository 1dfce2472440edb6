"""What a sweep cost: device time by what it was spent on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from w2s_ray.report.drawing import axes
from w2s_ray.report.drawing.material import Material

_DEVICES = {"cpu": ("CPU", "#56B4E9"), "cuda": ("GPU", "#0072B2")}
_KINDS = {
    "split": "splits",
    "fresh": "fresh rows",
    "pretrain": "pretraining",
    "adapt": "adapting",
    "features": "features",
    "labels": "labels",
}
_ROLES = {"weak": "supervisors", "ceiling": "ceilings"}
_STUDENTS = "students: "
_BETWEEN = "trainings between"  # of chains: neither supervisor nor the last student
_UNITS = {"s": 1.0, "min": 60.0, "h": 3600.0}
_STEP, _WIDTH = 20, 300
_MOST = 12  # names of students


def cost(material: Material) -> Any | None:
    """Seconds times devices of every stage, once: what is shared by arms is counted apart from their students."""
    import altair as alt

    rows = cost_rows(material)
    if not rows:
        return None
    longest = max(row["seconds"] for row in rows)
    unit = next((name for name in ("h", "min") if longest >= 2 * _UNITS[name]), "s")
    rows = [row | {"time": row["seconds"] / _UNITS[unit]} for row in rows]
    order = [row["what"] for row in rows]
    names, colours = zip(*_DEVICES.values(), strict=True)
    devices = [name for name in names if name in {row["device"] for row in rows}]
    colour = alt.Color("device:N", legend=alt.Legend(title=None, orient="bottom") if len(devices) > 1 else None,
                       scale=alt.Scale(domain=list(names), range=list(colours)))  # fmt: skip
    scale = alt.Scale(domain=[0, 1.14 * max(row["time"] for row in rows)], nice=False)
    base = alt.Chart(alt.Data(values=rows)).encode(
        y=alt.Y("what:N", sort=order, title=None, axis=alt.Axis(labelLimit=260, ticks=False, domain=False)),
        x=alt.X("time:Q", title=f"{' and '.join(devices)} time ({unit})", scale=scale),
        tooltip=[*axes.words(what="what", device="device"), *axes.numbers(",.1f", seconds="seconds"),
                 *axes.numbers(",d", num_stages="stages")],
    )  # fmt: skip
    text = base.mark_text(align="left", dx=4, fontSize=10, color="#333333").encode(
        text=alt.Text("time:Q", format=".3~r")
    )
    offset = {"yOffset": alt.YOffset("device:N")} if len(devices) > 1 else {}
    chart = alt.layer(base.mark_bar().encode(color=colour), text).encode(**offset)
    num_stages, seconds = (sum(row[field] for row in rows) for field in ("num_stages", "seconds"))
    notes = [
        f"{num_stages} stages, {seconds / _UNITS[unit]:,.3g} {unit} together, those done by other sweeps included."
    ]
    height = _STEP * len(dict.fromkeys(order)) * len(devices)
    return axes.framed(chart.properties(width=_WIDTH, height=height), "Cost", notes, width=_WIDTH + 130)


def cost_rows(material: Material) -> list[dict[str, Any]]:
    """A row per purpose and device: seconds of wall time, times the workers of a gang."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    purposes = _purposes(material)
    for stage in material.stages.to_dict("records"):
        layout = stage.get("layout") if isinstance(stage.get("layout"), Mapping) else {}
        device = _DEVICES.get(str(layout.get("device", "cpu")), _DEVICES["cpu"])[0]
        what = purposes.get(stage["key"], _KINDS.get(stage["kind"], _BETWEEN))
        row = found.setdefault(
            (what, device), {"what": what, "device": device, "seconds": 0.0, "num_stages": 0}
        )
        row["seconds"] += float(stage["seconds"]) * int(layout.get("world_size", 1))
        row["num_stages"] += 1
    students = [_STUDENTS + name for name in _names(material).values()]
    order = [*_KINDS.values(), *_ROLES.values(), _BETWEEN, *students]
    return sorted(found.values(), key=lambda row: order.index(row["what"]))


def _purposes(material: Material) -> dict[str, str]:
    """What a training was for, by its key: the first role that it plays, for a supervisor may be a ceiling, too."""
    found: dict[str, str] = {}
    names = _names(material)
    for cell in material.cells.to_dict("records"):
        for role, words in _ROLES.items():
            found.setdefault(cell[f"{role}_key"], words)
        if cell["arm"] in names:
            found.setdefault(cell["student_key"], _STUDENTS + names[cell["arm"]])
    return found


def _names(material: Material) -> dict[str, str]:
    """By arm, the method with what its arms differ in; where that is too many names, the method alone."""
    names = {arm.id: arm.label for arm in material.arms}
    return names if len(set(names.values())) <= _MOST else {arm.id: arm.method for arm in material.arms}
