"""Is a model as sure as it is right: reliability diagrams of a pair's three roles."""

from __future__ import annotations

from typing import Any

from w2s_ray.report.analyses import ConfidenceRow, calibrations, confidences
from w2s_ray.report.choice import headline_arms
from w2s_ray.report.drawing import axes, palette
from w2s_ray.report.drawing.material import Material

_LOOK = {"weak": ("supervisor", palette.GREY, "triangle-up"), "student": ("student", "#0072B2", "circle"),
         "ceiling": ("ceiling", palette.BLACK, "square")}  # fmt: skip
FEWEST = 20  # answers in a bin: with fewer its accuracy is noise
_SIDE, _MOST = 176, 3


def calibration(material: Material) -> Any | None:
    """Accuracy against confidence in bins, a panel per method of the pair with the widest gap."""
    import altair as alt

    rows = reliability_rows(material)
    if not rows:
        return None
    names, colours, shapes = zip(*_LOOK.values(), strict=True)
    legend = alt.Legend(title=None, orient="bottom")
    colour = alt.Color("role:N", sort=names, scale=alt.Scale(domain=names, range=colours), legend=legend)
    shape = alt.Shape("role:N", sort=names, scale=alt.Scale(domain=names, range=shapes), legend=legend)
    least = min(row["confidence"] for row in rows)
    first = min(0.5, int(10 * least) / 10)
    across = alt.Scale(domain=[first, 1.0], nice=False)
    up = alt.Scale(domain=[min(first, *(row["accuracy"] for row in rows)), 1.0], nice=False, padding=4)
    base = alt.Chart().encode(
        x=alt.X("confidence:Q", title="confidence", scale=across),
        y=alt.Y("accuracy:Q", title="accuracy (fraction right)", scale=up),
        color=colour,
        tooltip=[
            *axes.words(panel="method", role="role"),
            *axes.numbers(".2f", confidence="confidence", accuracy="accuracy"),
            *axes.numbers(",d", count="answers"),
        ],
    )
    size = alt.Size("count:Q", scale=alt.Scale(range=[12, 80]), legend=None)
    ends = {"x": first, "y": first, "x2": 1, "y2": 1}
    diagonal = (
        alt.Chart()
        .transform_calculate(**{field: str(at) for field, at in ends.items()})
        .mark_rule(color=palette.GREY, strokeDash=[4, 3])
        .encode(x=alt.X("x:Q", scale=across), x2="x2:Q", y=alt.Y("y:Q", scale=up), y2="y2:Q")
    )
    layers = alt.layer(
        diagonal,
        base.mark_line(strokeWidth=1.4),
        base.mark_point(filled=True, opacity=1).encode(shape=shape, size=size),
    )
    notes = [
        f"Answers on test rows in bins of equal width, from {FEWEST} answers on; larger marks are more. "
        "Below the dashed line a model is surer than "
        "it is right. ECE, the expected calibration error, is the student's.",
        material.caption,
    ]
    title = f"Calibration, {rows[0]['pair']}"
    return axes.panelled(layers, rows, title, notes, size=(_SIDE, _SIDE), most=_MOST, alone=(300, 300))


def reliability_rows(material: Material) -> list[dict[str, Any]]:
    """A row per bin with answers; confidence is that of the bin's middle, all numbers in 0..1."""
    chosen = headline_arms(material.arms)
    if chosen is None or not len(material.cells):
        return []
    pair = (chosen[1].weak, chosen[1].strong)
    shown = {arm.id: arm.label for arm in material.drawn if (arm.weak, arm.strong) == pair}
    errors = {(row.arm.id, row.role): row.ece for row in calibrations(material.cells)}
    rows = []
    for found in confidences(material.cells, material.stages):
        if found.arm.id in shown:
            ece = errors.get((found.arm.id, "student"))
            panel = shown[found.arm.id] + ("" if ece is None else f", ECE {100 * ece:.1f}%")
            words = {"pair": f"{pair[0]} → {pair[1]}", "panel": panel, "role": _LOOK[found.role][0]}
            rows += [words | its for its in _bins(found)]
    return rows


def _bins(found: ConfidenceRow) -> list[dict[str, float]]:
    width = 1 / len(found.right)
    return [
        {"confidence": (place + 0.5) * width, "accuracy": right / (right + wrong), "count": right + wrong}
        for place, (right, wrong) in enumerate(zip(found.right, found.wrong, strict=True))
        if right + wrong >= FEWEST
    ]
