"""Pieces that figures share: the axis of sizes, series told apart by colour, shape and dash, titles that fit."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from w2s_ray.report.drawing import palette

Row = Mapping[str, Any]
ROOM = 1.8  # beyond the smallest and the largest size, as a factor
_AXIS = 50  # px that the axes between panels take
_LETTER = 5.4  # mean width of a subtitle's letter, px
_BOLD = 7.2  # and of a title's


def framed(chart: Any, title: str, notes: Iterable[str], *, width: int) -> Any:
    """The chart with its title and notes, wrapped to `width` px, in the look of every figure."""
    import altair as alt

    subtitle = [line for note in notes if note for line in _wrapped(note, width, _LETTER)]
    head = alt.Title(_wrapped(title, width, _BOLD), subtitle=subtitle)
    return palette.theme(chart.properties(title=head))


def panelled(
    layers: Any,
    rows: Sequence[Row],
    title: str,
    notes: Iterable[str],
    *,
    size: tuple[int, int],
    most: int,
    own: Sequence[str] = (),
    alone: tuple[int, int] = (340, 230),
) -> Any:
    """A panel of `size` px for each `panel` of the rows, at most `most` side by side.

    Scales named in `own` are each panel's own. A single panel is as large as `alone`, and its name goes into the title.
    """
    import altair as alt

    names = list(dict.fromkeys(row["panel"] for row in rows))
    data = alt.Data(values=list(rows))
    if len(names) == 1:
        chart = layers.properties(data=data, width=alone[0], height=alone[1])
        return framed(chart, ", ".join(filter(None, (title, names[0]))), notes, width=alone[0] + 50)
    wide = columns(names, most)
    facet = alt.Facet("panel:N", sort=names, header=alt.Header(title=None))
    chart = layers.properties(width=size[0], height=size[1]).facet(facet=facet, columns=wide, data=data)
    if own:  # panels stand where they would without the labels of their axes, which differ in size
        chart = chart.resolve_scale(**dict.fromkeys(own, "independent"))
        chart = chart.properties(bounds="flush", spacing={"column": _AXIS, "row": _AXIS + 12})
    if len(names) % wide:  # else the axes of the columns would stand under nothing
        chart = chart.resolve_axis(x="independent")
    return framed(chart, title, notes, width=wide * (size[0] + (_AXIS if own else 20)) + 40)


def columns(panels: Sequence[str], most: int) -> int:
    """How many panels stand side by side, so that rows are even: 4 of at most 3 as 2 and 2."""
    rows = -(-len(panels) // most)
    return -(-len(panels) // rows)


def value(shown: Any) -> Any:
    """A constant for an encoding."""
    import altair as alt

    return alt.value(shown)


def size_axis(rows: Sequence[Row], *, field: str = "size") -> Any:
    """Students on a log axis of their `size`, named under their ticks; where one is unknown (0), in the plan's order.

    A row has what `Material.series` gives, and `control`; a control names no tick.
    """
    import altair as alt

    if not all(row["size"] for row in rows):
        order = list(dict.fromkeys(row["rung"] for row in rows))
        return alt.X("rung:N", title="student model", sort=order, axis=alt.Axis(labelAngle=0))
    rungs = [row for row in rows if not row["control"]] or rows
    named: dict[int, list[str]] = {}
    for row in sorted(rungs, key=lambda row: row["size"]):
        if row["rung"] not in named.setdefault(row["size"], []):
            named[row["size"]].append(row["rung"])
    words = json.dumps({size: ", ".join(models) for size, models in named.items()})
    label = f"[format(datum.value, '.2~s'), {words}[datum.value]]"
    axis = alt.Axis(values=list(named), labelExpr=label, labelOverlap=True, grid=False)
    sizes = [row["size"] for row in rows]
    domain = [min(sizes) / ROOM, max(sizes) * ROOM]
    scale = alt.Scale(type="log", domain=domain, nice=False)
    return alt.X(f"{field}:Q", title="student size (parameters)", scale=scale, axis=axis)


def series(rows: Sequence[Row], field: str = "series", *, most: int = 2) -> tuple[Any, Any]:
    """Colour and shape of a field's names in their order, with one legend below of at most `most` columns."""
    import altair as alt

    domain = list(dict.fromkeys(row[field] for row in rows))
    colours, shapes = palette.series(len(domain))
    columns = 1 if len(domain) < 4 and most < 3 else most
    legend = alt.Legend(title=None, orient="bottom", direction="vertical", columns=columns)
    colour = alt.Color(
        f"{field}:N", sort=domain, scale=alt.Scale(domain=domain, range=colours), legend=legend
    )
    shape = alt.Shape(f"{field}:N", sort=domain, scale=alt.Scale(domain=domain, range=shapes), legend=legend)
    return colour, shape


def ceilings(base: Any) -> tuple[Any, Any]:
    """Lines and marks of the ceilings, black; those of variants of the same weights are dashed. `base` has the x."""
    import altair as alt

    dash = alt.condition("datum.variant", value([4, 2]), value([1, 0]))
    its = base.encode(y="ceiling:Q", order="size:Q", detail="variant:N")
    line = its.mark_line(color=palette.BLACK, strokeWidth=1.8).encode(strokeDash=dash)
    return line, its.mark_point(color=palette.BLACK, filled=True, size=24, opacity=1)


def ceiling_note(rows: Sequence[Row]) -> str:
    """What the black lines are."""
    variants = dict.fromkeys(row["variant"] for row in rows if row["variant"])
    return "Black: ceiling (ground truth)" + (f"; dashed: {', '.join(variants)}." if variants else ".")


def words(**shown: str) -> list[Any]:
    """Tooltip entries: field = what it is called."""
    import altair as alt

    return [alt.Tooltip(f"{field}:N", title=title) for field, title in shown.items()]


def numbers(form: str, **shown: str) -> list[Any]:
    """Tooltip entries of numbers in one format."""
    import altair as alt

    return [alt.Tooltip(f"{field}:Q", title=title, format=form) for field, title in shown.items()]


def _wrapped(line: str, width: int, letter: float) -> list[str]:
    return textwrap.wrap(line, max(20, int(width / letter)), break_on_hyphens=False)
