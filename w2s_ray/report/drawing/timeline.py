"""What ran where and when, and how long places stood idle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from w2s_ray.report.drawing import axes, palette
from w2s_ray.report.drawing.material import Material

KINDS = {"split": "rows", "fresh": "rows", "labels": "rows", "pretrain": "pretraining", "adapt": "pretraining",
         "features": "features", "finetune": "trainings", "probe": "trainings", "prompt": "trainings"}  # fmt: skip
_COLOURS = {"rows": "#E69F00", "pretraining": "#CC79A7", "features": "#009E73", "trainings": "#0072B2"}
_PAUSE = 0.5  # of all busy time: a longer rest is that between two commands
_UNITS = {"s": 1.0, "min": 60.0, "h": 3600.0}
_WIDTH, _ROOM = 560, 330


@dataclass(frozen=True, kw_only=True)
class Span:
    """One stage: where it ran, and from when to when, in seconds since the first began, pauses cut out."""

    lane: str
    begin: float
    end: float
    key: str
    kind: str


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """Spans in the order of their beginning, where pauses of the whole sweep were cut, and the idle share of lanes."""

    spans: tuple[Span, ...]
    cuts: tuple[float, ...]
    idle: float


def timeline(material: Material) -> Any | None:
    """A lane per worker at a time, a bar per stage; long pauses of everything are cut out and marked."""
    import altair as alt

    found = timeline_of(material.stages.to_dict("records"))
    if found is None:
        return None
    last = max(span.end for span in found.spans)
    unit = next((name for name in ("h", "min") if last >= 2 * _UNITS[name]), "s")
    rows = [
        {"lane": span.lane, "begin": span.begin / _UNITS[unit], "end": span.end / _UNITS[unit],
         "seconds": span.end - span.begin, "key": span.key, "kind": span.kind}
        for span in found.spans
    ]  # fmt: skip
    lanes = sorted({span.lane for span in found.spans}, key=_natural)
    kinds = [kind for kind in _COLOURS if kind in {row["kind"] for row in rows}]
    colour = alt.Color("kind:N", sort=kinds, legend=alt.Legend(title=None, orient="bottom"),
                       scale=alt.Scale(domain=kinds, range=[_COLOURS[kind] for kind in kinds]))  # fmt: skip
    step = max(1.5, min(22.0, _ROOM / len(lanes)))
    axis = alt.Axis(labelLimit=200, ticks=False, domain=False, labelOverlap=True)
    scale = alt.Scale(domain=[0, last / _UNITS[unit]], nice=False)
    bars = alt.Chart(alt.Data(values=rows)).mark_bar(stroke="white", strokeWidth=0.4).encode(
        y=alt.Y("lane:N", sort=lanes, title=None, axis=axis),
        x=alt.X("begin:Q", title=f"time since the first stage ({unit})", scale=scale),
        x2="end:Q", color=colour,
        tooltip=[*axes.words(key="stage", lane="where"), *axes.numbers(",.1f", seconds="seconds")],
    )  # fmt: skip
    cuts = [
        alt.Chart(alt.Data(values=[{"at": at / _UNITS[unit]} for at in found.cuts]))
        .mark_rule(color=palette.BLACK, strokeDash=[2, 2])
        .encode(x="at:Q")
    ]
    notes = [
        f"{len(rows)} stages; lanes ({len(lanes)}) were idle {100 * found.idle:.0f}% of the time."
        + (" Dotted: a long pause, cut out." if found.cuts else "")
    ]
    chart = alt.layer(bars, *(cuts if found.cuts else ())).properties(width=_WIDTH, height=step * len(lanes))
    return axes.framed(chart, "What ran where and when", notes, width=_WIDTH + 90)


def timeline_of(stages: Sequence[Mapping[str, Any]]) -> Timeline | None:
    """The timeline of an experiment's stages, or None where fewer than two tell when they ended.

    Stages of one process that overlap run side by side and have lanes of their own.
    """
    known = [
        stage for stage in stages if stage.get("finished_s") and stage["finished_s"] == stage["finished_s"]
    ]
    if len(known) < 2:
        return None
    timed = sorted(
        ((stage["finished_s"] - float(stage["seconds"]), stage["finished_s"], stage) for stage in known),
        key=lambda each: (each[0], each[1], each[2]["key"]),
    )
    shift, cuts = _pauses([(begin, end) for begin, end, _ in timed])
    ends: dict[str, float] = {}
    spans = []
    for (begin, end, stage), back in zip(timed, shift, strict=True):
        lane = _lane(_place(stage), begin, ends)
        ends[lane] = end
        spans.append(Span(lane=lane, begin=begin - back, end=end - back, key=stage["key"],
                          kind=KINDS.get(stage["kind"], "trainings")))  # fmt: skip
    total = max(span.end for span in spans) * len(ends)
    busy = sum(span.end - span.begin for span in spans)
    return Timeline(spans=tuple(spans), cuts=tuple(cuts), idle=max(0.0, 1 - busy / total) if total else 0.0)


def _pauses(times: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    """How far each interval moves to the left so that the first begins at 0 and no pause is long; where it was cut."""
    longest = _PAUSE * sum(end - begin for begin, end in times)
    back, until = times[0][0], times[0][0]
    shift, cuts = [], []
    for begin, end in times:
        if begin - until > longest:
            back += begin - until
            cuts.append(begin - back)
        shift.append(back)
        until = max(until, end)
    return shift, cuts


def _place(stage: Mapping[str, Any]) -> str:
    made = stage.get("provenance")
    host = made.get("host") if isinstance(made, Mapping) else None
    return str(host or "worker")


def _lane(place: str, begin: float, ends: Mapping[str, float]) -> str:
    """The first lane of a place that is free."""
    number = 1
    while ends.get(f"{place} {number}", begin) > begin:
        number += 1
    return f"{place} {number}"


def _natural(lane: str) -> tuple[str, int]:
    place, number = lane.rsplit(" ", 1)
    return place, int(number)
