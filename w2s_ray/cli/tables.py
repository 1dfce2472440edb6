"""How tables look in the terminal: one style, and wide where nobody's terminal is."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

WIDTH = 160  # columns, where the output is no terminal


def console() -> Console:
    """Where tables go: as wide as the terminal, or `WIDTH`."""
    from rich.console import Console

    found = Console()
    return found if found.is_terminal else Console(width=WIDTH)


def table(*heads: str) -> Table:
    """An empty table in the style of all of them."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    return Table(*heads, box=SIMPLE_HEAD, pad_edge=False)
