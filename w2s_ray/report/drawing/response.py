"""How a method responds to one of its numeric parameters: PGR against `alpha`, `share`, `power`, …"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from w2s_ray.report.choice import ladder
from w2s_ray.report.drawing import axes, palette
from w2s_ray.report.drawing.material import Material
from w2s_ray.report.labels import full_label
from w2s_ray.report.results import ArmResult

_SIZE, _MOST = (230, 190), 3
_STEPS = 70  # of the axis, one between marks side by side


def alpha(material: Material) -> Any | None:
    """A panel per method and numeric parameter that arms vary, a line per pair and per choice of the others."""
    import altair as alt

    rows = response_rows(material.arms)
    if not rows:
        return None
    panels = list(dict.fromkeys(row["panel"] for row in rows))
    colour, shape = axes.series(rows, most=1 if len(panels) == 1 else 2)
    base = alt.Chart().encode(
        x=alt.X("place:Q", title="value of the parameter" if len(panels) > 1 else rows[0]["parameter"],
                scale=alt.Scale(zero=False, padding=14), axis=alt.Axis(grid=False, tickCount=6)),
        color=colour,
        tooltip=[*axes.words(series="arm", panel="parameter"), *axes.numbers(".4~g", value="value"),
                 *axes.numbers(".2f", pgr="PGR", low="low", high="high")],
    )  # fmt: skip
    y = alt.Y("pgr:Q", title="PGR (fraction of the gap)", scale=alt.Scale(zero=False, padding=10))
    layers = alt.layer(
        base.mark_line(strokeWidth=1.8).encode(y=y),
        base.mark_point(filled=True, size=55, opacity=1).encode(y=y, shape=shape),
    )
    if any(row["low"] is not None for row in rows):
        bars = base.transform_filter("isValid(datum.low)").mark_rule(strokeWidth=1.2)
        layers += bars.encode(y="low:Q", y2="high:Q")
    known = any(row["naive"] is not None for row in rows)
    if known:
        rule = (
            alt.Chart().transform_filter("isValid(datum.naive)").mark_rule(strokeDash=[5, 3], strokeWidth=1.2)
        )
        several = len({row["series"] for row in rows}) > 1
        layers += rule.encode(y="naive:Q", color=colour if several else axes.value(palette.GREY))
    notes = ["Dashed: naive on the same pair. " * known + material.interval_note, material.caption]
    title = "Response to parameters" if len(panels) > 1 else "Response"
    return axes.panelled(layers, rows, title, notes, size=_SIZE, most=_MOST, own=["x"])


def response_rows(arms: Sequence[ArmResult]) -> list[dict[str, Any]]:
    """A row per arm with a PGR and varied parameter; `naive` is the PGR of the pair's naive arm, where it has one."""
    known = [arm for arm in ladder(arms) if arm.numbers.ratio_of_means is not None]
    naive = {(arm.weak, arm.strong): arm.numbers.ratio_of_means for arm in known if arm.method == "naive"}
    rows: list[dict[str, Any]] = []
    for method in dict.fromkeys(arm.method for arm in known):
        its = [arm for arm in known if arm.method == method]
        varied = [name for name in its[0].params if len({repr(arm.params.get(name)) for arm in its}) > 1]
        for name in varied:
            if all(_is_number(arm.params.get(name)) for arm in its):
                rows += [_row(arm, name, varied, naive) for arm in its]
    return _side_by_side(sorted(rows, key=lambda row: row["value"]))


def _side_by_side(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows with a `place` near their value, so that the intervals of one value can be told apart."""
    placed = []
    for row in rows:
        its = [other for other in rows if other["panel"] == row["panel"]]
        names = sorted({other["series"] for other in its})
        values = [other["value"] for other in its]
        step = (max(values) - min(values)) / _STEPS
        shift = step * (names.index(row["series"]) - (len(names) - 1) / 2)
        placed.append(row | {"place": row["value"] + shift})
    return placed


def _row(
    arm: ArmResult, name: str, varied: Sequence[str], naive: Mapping[tuple[str, str], float | None]
) -> dict[str, Any]:
    others = {each: arm.params[each] for each in varied if each != name and each in arm.params}
    pair = f"{arm.weak} → {arm.strong}"
    return {
        "panel": f"{arm.method}: {name}",
        "parameter": name,
        "series": f"{pair}, {full_label('', others)[1:-1]}" if others else pair,
        "value": float(arm.params[name]),
        "pgr": arm.numbers.ratio_of_means,
        "low": arm.interval.low if arm.interval else None,
        "high": arm.interval.high if arm.interval else None,
        "naive": naive.get((arm.weak, arm.strong)),
    }


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
