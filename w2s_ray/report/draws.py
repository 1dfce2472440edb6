"""Bootstrap draws of arms: mean gain and gap of each task, by measure and choice of cells.

Accuracy is resampled by seeds and test items. What travels of AUROC is a number per cell, for MLflow holds which
items were right and no scores: it is resampled by seeds alone (and by tasks), so its intervals leave out the noise
of test items, and there are none where a task has one seed. Agreement on mistakes likewise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from w2s_ray.metrics.bootstrap import Floats, Trainings, accuracy_draws, seed_draws
from w2s_ray.report.cells import Items, TaskCells
from w2s_ray.report.results import ROLES

Accuracies = Mapping[tuple[str, ...], Floats]  # draws [draws] by the keys of one role's trainings
NO_ITEMS = "which test items were right is not known for every cell"
ONE_SEED = "a task has one seed, and its test items are not known by score"


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """Draws [draws] of one task's mean gain and mean gap over seeds."""

    gain: Floats
    gap: Floats


@dataclass(frozen=True, kw_only=True)
class ArmDraws:
    """One arm's draws by (measure, choice "all" or "well") and task, and of its agreement on mistakes by task.

    What could not be resampled is not there. `num` is the number of draws.
    """

    num: int
    gains: dict[tuple[str, str], dict[str, Drawn]] = field(default_factory=dict)
    agreement: dict[str, Floats] = field(default_factory=dict)

    def of(self, measure: str, choice: str) -> Mapping[str, Drawn]:
        """By task; "dev" and "held-out" are among "all"."""
        return self.gains.get((measure, "well" if choice == "well" else "all"), {})


def draw_arms(
    arms: Mapping[str, Sequence[TaskCells]], items: Items, *, draws: int, seed: int = 0
) -> dict[str, ArmDraws]:
    """Draws by arm. Test items are drawn once a task for all these arms: memory grows with their number."""
    found = {arm: ArmDraws(num=draws) for arm in arms}
    for task in dict.fromkeys(cells.task for its in arms.values() for cells in its):
        here = {arm: next((cells for cells in its if cells.task == task), None) for arm, its in arms.items()}
        members = {arm: cells for arm, cells in here.items() if cells is not None}
        healthy = [its for its in (cells.well() for cells in members.values()) if its is not None]
        accuracies = _accuracies([*members.values(), *healthy], items, draws, seed)
        for arm, cells in members.items():
            _draw_task(found[arm], cells, accuracies, draws, seed)
    return found


def _accuracies(members: Sequence[TaskCells], items: Items, draws: int, seed: int) -> Accuracies:
    """Draws of one task's accuracies, of every role's trainings once."""
    found: dict[tuple[str, ...], Floats] = {}
    known = [cells for cells in members if items.known(cells)]
    for test_set in dict.fromkeys(cells.test_set for cells in known):
        its = [cells for cells in known if cells.test_set == test_set]
        codes = items.groups(test_set)
        assert codes is not None, "a known test set has groups"
        trainings = {
            cells.keys[role]: Trainings(seeds=cells.seeds, right=items.right(cells, role))
            for cells in its
            for role in ROLES
        }
        drawn = accuracy_draws(its[0].task, list(trainings.values()), codes, draws=draws, seed=seed)
        found |= dict(zip(trainings, drawn, strict=True))
    return found


def _draw_task(found: ArmDraws, cells: TaskCells, accuracies: Accuracies, draws: int, seed: int) -> None:
    whole, well = _gains(cells, accuracies, draws, seed), cells.well()
    healthy = whole if well is cells else _gains(well, accuracies, draws, seed) if well else {}
    for choice, gains in (("all", whole), ("well", healthy)):
        for measure, drawn in gains.items():
            found.gains.setdefault((measure, choice), {})[cells.task] = drawn
    agreed_S = cells.agreement["weak_wrong"]
    if len(cells.seeds) > 1 and np.isfinite(agreed_S).all():
        weight_SD = seed_draws(cells.task, cells.seeds, draws=draws, seed=seed)
        found.agreement[cells.task] = _mean(agreed_S, weight_SD)


def _gains(cells: TaskCells, accuracies: Accuracies, draws: int, seed: int) -> dict[str, Drawn]:
    """By measure, where it can be resampled."""
    found, keys = {}, cells.keys
    if "accuracy" in cells.measures and all(its in accuracies for its in keys.values()):
        found["accuracy"] = _drawn({role: accuracies[keys[role]] for role in ROLES})
    if "auroc" in cells.measures and len(cells.seeds) > 1:
        weight_SD = seed_draws(cells.task, cells.seeds, draws=draws, seed=seed)
        found["auroc"] = _drawn({role: _mean(cells.scores["auroc"][role], weight_SD) for role in ROLES})
    return found


def _drawn(by_role: Mapping[str, Floats]) -> Drawn:
    return Drawn(gain=by_role["student"] - by_role["weak"], gap=by_role["ceiling"] - by_role["weak"])


def _mean(values: Sequence[Floats] | Floats, weight_SD: Floats) -> Floats:
    """Weighted over seeds, added up in their order."""
    total = np.zeros(weight_SD.shape[1])
    for value, weight_D in zip(values, weight_SD, strict=True):
        total += value * weight_D
    return total
