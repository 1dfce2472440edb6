"""What the page shows, before it is HTML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from w2s_ray.report.drawing.material import Material
from w2s_ray.report.labels import CONTROL
from w2s_ray.report.markup import text
from w2s_ray.report.results import ArmResult, SweepResults

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Page:
    """Statistics, and the material they come from. `specs` and `svgs` are figures by name, `library` is Vega."""

    sweep: Mapping[str, Any]
    results: SweepResults
    material: Material
    specs: Mapping[str, str]
    svgs: Mapping[str, str]
    library: str

    @property
    def arms(self) -> tuple[ArmResult, ...]:
        return self.results.arms

    @property
    def level(self) -> str:
        """`95%`"""
        return f"{100 * self.results.level:g}%"

    @property
    def cells(self) -> pd.DataFrame:
        """The finished cells, as `tracking.Experiment` gives them."""
        return self.material.cells

    @property
    def stages(self) -> pd.DataFrame:
        return self.material.stages

    @cached_property
    def cell_rows(self) -> list[dict[str, Any]]:
        """The finished cells, each with its arm's label."""
        labels = {arm.id: arm.label for arm in self.arms}
        return [cell | {"label": labels.get(cell["arm"], "")} for cell in self.cells.to_dict("records")]


def pair(weak: str, strong: str) -> str:
    """HTML of a pair."""
    return text(f"{weak} → {strong}")


def arm_words(arm: ArmResult) -> tuple[str, str]:
    """HTML of an arm's pair and method."""
    return pair(arm.weak, arm.strong), text(f"{arm.label}, {CONTROL}" if arm.control else arm.label)
