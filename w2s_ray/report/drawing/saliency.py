"""Concept saliency as bars: linear probes and finetunes of one checkpoint (Burns et al. 2023, figure 11)."""

from __future__ import annotations

from typing import Any

from w2s_ray.report.drawing import axes
from w2s_ray.report.drawing.material import Material
from w2s_ray.report.saliency import saliency as saliency_table

BARS = {
    "lp_weak": "lp(weak)",
    "lp_gt": "lp(gt)",
    "ft_weak": "ft(weak)",
    "ft_weak_lp_gt": "ft(weak)+lp(gt)",
    "ft_gt": "ft(gt)",
}
_SPLIT = "split(datum.label, '+lp')[1] ? [split(datum.label, '+lp')[0], '+lp(gt)'] : datum.label"
_COLOURS = {"linear probe": "#56B4E9", "finetuned, then probed": "#009E73", "finetuned": "#0072B2"}


def saliency(material: Material) -> Any | None:
    """A panel per checkpoint, supervisor and method; bars as far as the experiment has them."""
    import altair as alt

    rows = saliency_rows(material)
    if not rows:
        return None
    kinds = [kind for kind in _COLOURS if kind in {row["kind"] for row in rows}]
    low = min(row["accuracy"] for row in rows)
    floor = 0 if low < 50 else 10 * ((low - 5) // 10)
    colour = alt.Color("kind:N", legend=alt.Legend(title=None, orient="bottom"), scale=alt.Scale(
        domain=kinds, range=[_COLOURS[kind] for kind in kinds]))  # fmt: skip
    base = alt.Chart().encode(
        x=alt.X(
            "bar:N",
            sort=list(BARS.values()),
            title=None,
            axis=alt.Axis(labelAngle=0, labelFontSize=10, labelExpr=_SPLIT),
        ),
        y=alt.Y("accuracy:Q", title="test accuracy (%)", scale=alt.Scale(domain=[floor, 103], nice=False)),
        tooltip=[*axes.words(panel="pair", bar="bar", kind="training"), *axes.numbers(".1f", accuracy="%")],
    )
    bars = base.transform_calculate(floor=str(floor)).mark_bar(clip=True).encode(color=colour, y2="floor:Q")
    text = base.mark_text(dy=-7, fontSize=11, color="#333333").encode(
        text=alt.Text("accuracy:Q", format=".1f")
    )
    notes = [
        "lp: linear probe on the frozen model; ft: finetuning; in brackets whose labels taught it (gt: ground truth). "
        "Means over tasks and seeds." + (f" The axis begins at {floor:g}%." if floor else ""),
        material.caption,
    ]
    return axes.panelled(
        alt.layer(bars, text), rows, "Concept saliency", notes, size=(230, 180), most=3, alone=(330, 220)
    )


def saliency_rows(material: Material) -> list[dict[str, Any]]:
    """A row per bar, in percent."""
    found = saliency_table(material.cells) if len(material.cells) else []
    several = len({row.finetuned.method for row in found}) > 1
    return [
        {
            "panel": f"{row.finetuned.weak} → {row.finetuned.strong}"
            + (f", {row.finetuned.method}" if several else ""),
            "bar": shown,
            "kind": "linear probe"
            if name.startswith("lp")
            else "finetuned, then probed"
            if "lp" in name
            else "finetuned",
            "accuracy": 100 * getattr(row, name),
        }
        for row in found
        for name, shown in BARS.items()
        if getattr(row, name) is not None
    ]
