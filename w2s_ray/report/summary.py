"""The table that the command line ends with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from w2s_ray.report.labels import method_labels

if TYPE_CHECKING:
    from rich.table import Table


def arm_table(aggregate: Mapping[str, Any]) -> Table:
    """A row per arm of an aggregate: accuracies in percent, PGR (ratio of means) with its interval."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    level = next((f"{100 * arm['pgr']['level']:g}%" for arm in aggregate["arms"]), "")
    whole = "" if aggregate["complete"] else " (not complete)"
    table = Table(
        title=Text(f"{aggregate['sweep']}{whole}: test accuracy in %, PGR"),
        box=SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
    )
    table.add_column("pair", no_wrap=True)
    table.add_column("method", overflow="fold", min_width=16)
    for name in ("weak", "student", "ceiling", "PGR", level, "cells", "undef"):
        table.add_column(Text(name), justify="right", no_wrap=True)
    labels = method_labels([(arm["method"], arm["params"]) for arm in aggregate["arms"]])
    for arm, label in zip(aggregate["arms"], labels, strict=True):
        table.add_row(*(Text(cell) for cell in _row(arm, label)))
    return table


def _row(arm: Mapping[str, Any], label: str) -> list[str]:
    pgr, interval = arm["pgr"], arm["pgr"]["interval"]
    return [
        f"{arm['weak']} → {arm['strong']}",
        label,
        *(_percent(arm["accuracy"][role]) for role in ("weak", "student", "ceiling")),
        "–" if pgr["ratio_of_means"] is None else f"{pgr['ratio_of_means']:.2f}",
        "–" if interval is None else f"{interval[0]:.2f}…{interval[1]:.2f}",
        str(arm["cells"]),
        str(arm["undefined"]),
    ]


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}"
