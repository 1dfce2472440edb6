"""Sick runs in the reader's words: which cells a sentence is about, and what follows for reading the results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from w2s_ray.metrics.health import SICK_SUPERVISOR

INVERTED = (
    "A very weak supervisor makes the confidence loss lock onto the inverted concept: do not read these "
    "students as elicitation"
)
_MOST = 3  # sentences in the terminal; the page has all


def by_sentence(cells: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Cells by each thing that is wrong with them, in the plan's order."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for cell in cells:
        for sentence in cell["sick"]:
            found.setdefault(sentence, []).append(cell)
    return found


def reader_warnings(cells: Sequence[Mapping[str, Any]]) -> list[str]:
    """Sick supervisors first, with what they do to a method; then the commonest other sentences."""
    sick = [cell for cell in cells if any(_is_supervisors(sentence) for sentence in cell["sick"])]
    others = {name: its for name, its in by_sentence(cells).items() if not _is_supervisors(name)}
    commonest = sorted(others.items(), key=lambda item: -len(item[1]))
    lines = [f"{SICK_SUPERVISOR.capitalize()}s: {_supervisors(sick)}. {INVERTED}."] if sick else []
    lines += [f"{_counted(len(its))}: {sentence}" for sentence, its in commonest[:_MOST]]
    left = len({id(cell) for _, its in commonest[_MOST:] for cell in its})
    return lines + ([f"{_counted(left)}: other faults, see the report"] if left else [])


def _is_supervisors(sentence: str) -> bool:
    return sentence.startswith(SICK_SUPERVISOR)


def _supervisors(cells: Sequence[Mapping[str, Any]]) -> str:
    """`xs on agree (seeds 0, 2), s on review (seed 1)`."""
    seeds: dict[tuple[str, str], set[int]] = {}
    for cell in cells:
        seeds.setdefault((cell["weak"], cell["task"]), set()).add(cell["seed"])
    return ", ".join(f"{weak} on {task} ({_listed(its)})" for (weak, task), its in seeds.items())


def _listed(seeds: set[int]) -> str:
    """`seed 1`, `seeds 0, 2`."""
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, sorted(seeds)))}"


def _counted(number: int) -> str:
    return f"{number} cell{'s' if number != 1 else ''}"
