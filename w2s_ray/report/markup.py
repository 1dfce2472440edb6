"""Pieces of HTML. What comes from outside goes through `text`, which escapes it."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence


def section(title: str, body: str) -> str:
    return f'<h2>{text(title)}</h2><div class="card">{body}</div>'


def table(heads: Sequence[str], rows: Sequence[tuple[list[str], str]]) -> str:
    """Heads that begin with # are of numbers, those with ~ of long text. Cells are HTML already."""
    kinds = [{"#": "n", "~": "long"}.get(head[:1], "") for head in heads]
    top = "".join(
        f'<th class="{kind}">{text(head.lstrip("#~"))}</th>' for head, kind in zip(heads, kinds, strict=True)
    )
    body = "".join(
        f'<tr class="{mark}">'
        + "".join(f'<td class="{kind}">{cell}</td>' for cell, kind in zip(row, kinds, strict=True))
        + "</tr>"
        for row, mark in rows
    )
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def notes(lines: Iterable[str]) -> str:
    return "".join(f'<p class="note">{text(line)}</p>' for line in lines if line)


def text(value: object) -> str:
    return html.escape(str(value), quote=True)


def percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}"


def ratio(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
