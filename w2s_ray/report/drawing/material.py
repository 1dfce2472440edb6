"""What a figure is drawn from: the arms' results, and the tidy tables that they were computed from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from w2s_ray.report.choice import drawn_arms
from w2s_ray.report.results import ArmResult

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Rung:
    """The name of a size on the ladder, and which entry of it this is: `pythia-1b-adapted` is pythia-1b, adapted."""

    name: str
    variant: str = ""


@dataclass(frozen=True, kw_only=True)
class Material:
    """Arms in the plan's order, the tables of `tracking.Experiment`, and what must stand on every figure."""

    arms: Sequence[ArmResult]
    cells: pd.DataFrame
    stages: pd.DataFrame
    caption: str = ""

    @cached_property
    def sizes(self) -> dict[str, int]:
        """Parameters by model name, where a record told them."""
        found: dict[str, int] = {}
        for name, role in (("weak", "weak"), ("strong", "student")) if len(self.cells) else ():
            found |= {
                model: int(size)
                for model, size in zip(self.cells[name], self.cells[f"{role}_parameters"], strict=True)
                if size
            }
        return found

    @cached_property
    def rungs(self) -> dict[str, Rung]:
        """The rung of each student model: entries of equal weights are one, of the shortest of their names."""
        names: dict[str, list[str]] = {}
        for cell in self.cells.to_dict("records"):
            names.setdefault(cell.get("checkpoint") or cell["strong"], []).append(cell["strong"])
        return {name: _rung(name, min(dict.fromkeys(its), key=len)) for its in names.values() for name in its}

    def series(self, arm: ArmResult, words: str) -> dict[str, Any]:
        """What places an arm on an axis of sizes: its `rung`, `size` and `variant`, and `words` with it as `series`."""
        rung = self.rungs.get(arm.strong, Rung(name=arm.strong))
        return {
            "series": f"{words}, {rung.variant}" if rung.variant else words,
            "rung": rung.name,
            "variant": rung.variant,
            "strong": arm.strong,
            "size": self.sizes.get(arm.strong, 0),
        }

    @cached_property
    def drawn(self) -> list[ArmResult]:
        """The arms with results; of a search the best of each pair and method."""
        return drawn_arms(self.arms)

    @cached_property
    def cells_of(self) -> dict[str, list[dict[str, Any]]]:
        """The finished cells by the id of their arm."""
        found: dict[str, list[dict[str, Any]]] = {}
        for cell in self.cells.to_dict("records"):
            found.setdefault(cell["arm"], []).append(cell)
        return found

    @property
    def interval_note(self) -> str:
        """What the intervals of PGR mean, or that there are none."""
        level = next((arm.interval.level for arm in self.arms if arm.interval), None)
        if level is None:
            return "No interval could be computed."
        return f"Bars: {100 * level:g}% intervals over seeds and test items, for these tasks."


def _rung(name: str, base: str) -> Rung:
    if name == base:
        return Rung(name=name)
    return Rung(name=base, variant=name.removeprefix(base).lstrip("-_.") if name.startswith(base) else name)
