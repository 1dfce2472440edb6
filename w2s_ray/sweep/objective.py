"""An arm's running value: Σ gain / Σ gap over a prefix of its cells, in canonical order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from w2s_ray.execution.orders import CellResult


@dataclass
class Objective:
    """Accumulates cells of `dev` tasks on one split's truth; None where the gap sums to nothing.

    A ratio of sums, so that a task with a narrow gap cannot swing it. `tune` rows are for choosing among arms;
    test rows never are.
    """

    split: str = "tune"
    gain: float = 0.0
    gap: float = 0.0
    num_cells: int = 0
    failures: list[str] = field(default_factory=list)

    def add(self, result: CellResult, *, counts: bool) -> None:
        """Take a cell in; one of a held-out task (`counts` False) is seen and not counted."""
        self.num_cells += 1
        if result.error:
            self.failures.append(result.error)
        elif counts and not all(f"accuracy/{self.split}" in metrics for metrics in result.metrics.values()):
            self.failures.append(f"no {self.split} rows to choose by")
        elif counts:
            accuracy = {role: metrics[f"accuracy/{self.split}"] for role, metrics in result.metrics.items()}
            self.gain += accuracy["student"] - accuracy["weak"]
            self.gap += accuracy["ceiling"] - accuracy["weak"]

    @property
    def value(self) -> float | None:
        """The PGR so far, never clamped; None where it is undefined or a cell has failed."""
        if self.failures or self.gap <= 0:
            return None
        return self.gain / self.gap

    def report(self) -> Mapping[str, float | int | bool]:
        """For Ray Tune, which wants a number in every result: an undefined value is 0 and says so."""
        value = self.value
        return {
            "objective": 0.0 if value is None else value,
            "defined": value is not None,
            "cells": self.num_cells,
        }
