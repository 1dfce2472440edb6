"""The table that the command line ends with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from w2s_ray.report.labels import CONTROL, method_labels

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table


def arm_table(aggregate: Mapping[str, Any]) -> RenderableType:
    """A row per arm of an aggregate, and below it what a reader must know of sick runs."""
    from rich.console import Group
    from rich.text import Text

    warnings = [Text(f"warning: {line}", style="yellow") for line in aggregate["warnings"]]
    return Group(_table(aggregate), *warnings)


def _table(aggregate: Mapping[str, Any]) -> Table:
    """Accuracies in percent, PGR (ratio of means) with its interval; it fits 80 columns."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    level = next((f"{100 * arm['pgr']['level']:g}%" for arm in aggregate["arms"]), "")
    whole = "" if aggregate["complete"] else " (not complete)"
    title = Text(f"{aggregate['sweep']}{whole}: test accuracy in %, PGR")
    table = Table(title=title, box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("pair", overflow="fold")
    table.add_column("method", overflow="fold", min_width=12)
    for name in ("weak", "student", "ceiling", "PGR", level, "undefined"):
        table.add_column(Text(name), justify="right", no_wrap=True)
    labels = method_labels([(arm["method"], arm["params"]) for arm in aggregate["arms"]])
    for arm, label in zip(aggregate["arms"], labels, strict=True):
        table.add_row(*(Text(cell) for cell in _row(arm, label)))
    return table


def _row(arm: Mapping[str, Any], label: str) -> list[str]:
    pgr, interval = arm["pgr"], arm["pgr"]["interval"]
    method = label.replace("(", " (", 1)  # where the line may break
    return [
        f"{arm['weak']} → {arm['strong']}",
        f"{method}, {CONTROL}" if arm["control"] else method,
        *(_percent(arm["accuracy"][role]) for role in ("weak", "student", "ceiling")),
        "–" if pgr["ratio_of_means"] is None else f"{pgr['ratio_of_means']:.2f}",
        "–" if interval is None else f"{interval[0]:.2f}…{interval[1]:.2f}",
        f"{arm['undefined']} of {arm['cells']}",
    ]


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}"
