"""Pieces of HTML. What comes from outside goes through `text`, which escapes it."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from w2s_ray.metrics.intervals import Interval

NOTHING = "–"
_KINDS = {"#": "n", "~": "long"}
_COPY = "".join(f'<button type="button" data-copy="{kind}">{kind}</button>' for kind in ("CSV", "LaTeX"))


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of a table, its cells HTML already. The page's filters ask for `method`, `weak` and `task`."""

    cells: Sequence[str]
    method: str = ""
    weak: str = ""
    task: str = ""
    best: bool = False


def section(title: str, *bodies: str) -> str:
    """A titled card; nothing where all bodies are empty."""
    body = "".join(bodies)
    return f'<section><h2>{text(title)}</h2><div class="card">{body}</div></section>' if body else ""


def table(heads: Sequence[str], rows: Iterable[Row], title: str = "") -> str:
    """Heads that begin with # are of numbers, those with ~ of long text. Nothing where there is no row."""
    kinds = [_KINDS.get(head[:1], "") for head in heads]
    top = "".join(
        f'<th class="{kind}">{text(head.lstrip("#~"))}</th>' for head, kind in zip(heads, kinds, strict=True)
    )
    body = "".join(_row(row, kinds) for row in rows)
    if not body:
        return ""
    name = f"<h3>{text(title)}</h3>" if title else "<span></span>"
    return (
        f'<figure class="table"><figcaption>{name}<span class="copy">copy {_COPY}</span></figcaption>'
        f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div></figure>'
    )


def notes(lines: Iterable[str]) -> str:
    return "".join(f'<p class="note">{text(line)}</p>' for line in lines if line)


def folded(summary: str, body: str) -> str:
    """Opened by a click; nothing where there is no body."""
    return f"<details><summary>{text(summary)}</summary>{body}</details>" if body else ""


def hover(shown: str, more: str) -> str:
    """`shown` is HTML, `more` the text that the pointer brings up."""
    return f'<span title="{text(more)}">{shown}</span>' if more else shown


def text(value: object) -> str:
    return html.escape(str(value), quote=True)


def percent(value: float | None) -> str:
    return NOTHING if value is None else f"{100 * value:.1f}"


def points(value: float | None) -> str:
    """A difference of accuracies, in points; z takes the sign off a rounded zero."""
    return NOTHING if value is None else f"{100 * value:+z.1f}"


def ratio(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.2f}"


def p_value(value: float) -> str:
    return f"{value:.2g}" if value >= 0.001 else f"{value:.0e}"


def between(interval: Interval | None, scale: float = 1.0) -> str:
    """`0.21 … 0.43`, in tenths where scaled to points."""
    if interval is None:
        return NOTHING
    digits = 2 if scale == 1 else 1
    return f"{scale * interval.low:.{digits}f} … {scale * interval.high:.{digits}f}"


def _row(row: Row, kinds: Sequence[str]) -> str:
    about = {"method": row.method, "weak": row.weak, "task": row.task}
    data = "".join(f' data-{name}="{text(value)}"' for name, value in about.items() if value)
    cells = "".join(f'<td class="{kind}">{cell}</td>' for cell, kind in zip(row.cells, kinds, strict=True))
    best = ' class="best"' if row.best else ""
    return f"<tr{best}{data}>{cells}</tr>"
