"""A sweep as work: its arms, their cells in canonical order, each cell's stages, and how each stage runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from w2s_ray.core.graph import CellStages, Stage, closure, finetune_stage, pretrain_stage, split_stage
from w2s_ray.core.identity import digest
from w2s_ray.core.specs import Arm, Cell, ModelSpec
from w2s_ray.execution.broker import Order
from w2s_ray.execution.placement import place
from w2s_ray.models.resolve import num_parameters
from w2s_ray.stages.run import Errand
from w2s_ray.sweep.costs import stage_flops, stage_seconds
from w2s_ray.sweep.nouns import Role, Sweep

ArmCells = Mapping[str, tuple[CellStages, ...]]


@dataclass(frozen=True, kw_only=True)
class PlannedCell:
    """A cell with the stages it reads."""

    cell: Cell
    stages: CellStages


class Work:
    """The graph of a sweep. Arms of a search are added as they are asked for; equal stages are one object."""

    def __init__(self, sweep: Sweep, arms: Sequence[Arm] | None = None) -> None:
        self.sweep = sweep
        self._stages: dict[tuple[Any, ...], Stage] = {}
        self.arms: dict[str, tuple[PlannedCell, ...]] = {}
        self.add(sweep.arms if arms is None else arms)

    def add(self, arms: Iterable[Arm]) -> list[str]:
        """Take arms in; returns their ids."""
        ids = []
        for arm in arms:
            ids.append(arm_id(arm))
            if ids[-1] not in self.arms:
                self.arms[ids[-1]] = tuple(self._planned(cell) for cell in self._cells(arm))
        return ids

    @property
    def cells(self) -> list[PlannedCell]:
        """Every cell, arm by arm, in canonical order."""
        return [planned for cells in list(self.arms.values()) for planned in cells]

    def stages(self) -> list[Stage]:
        """Every stage once, inputs before consumers."""
        return closure(stage for planned in self.cells for stage in roles_of(planned.stages))

    def cell_stages(self, ids: Iterable[str] | None = None) -> dict[str, tuple[CellStages, ...]]:
        """What the broker needs of arms."""
        chosen = self.arms if ids is None else list(ids)
        return {name: tuple(planned.stages for planned in self.arms[name]) for name in chosen}

    def orders(self, stages: Iterable[Stage]) -> list[Order]:
        """How each stage runs."""
        return [self._order(stage) for stage in stages]

    @cached_property
    def sizes(self) -> dict[str, int | None]:
        """Parameters by the digest of a model's spec."""
        models = self.sweep.models.values()
        return {digest(model.spec): num_parameters(model.spec, model.place) for model in models}

    def size(self, model: ModelSpec) -> int | None:
        """Parameters of a model, None where only the hub knows."""
        return self.sizes.get(digest(model))

    def alias(self, model: ModelSpec) -> str:
        """The sweep's own name of a model."""
        return self._aliases[digest(model)]

    @cached_property
    def _aliases(self) -> dict[str, str]:
        return {digest(model.spec): alias for alias, model in self.sweep.models.items()}

    def _cells(self, arm: Arm) -> list[Cell]:
        """Seeds outside, so that every prefix of an arm spans all tasks as evenly as it can."""
        return [Cell(arm=arm, task=task, seed=seed) for seed in self.sweep.seeds for task in self.sweep.tasks]

    def _planned(self, cell: Cell) -> PlannedCell:
        arm, split = cell.arm, self._split(cell.task, cell.seed)
        weak = self._finetune("weak", arm.weak, cell)
        key = ("student", arm_id(arm), cell.task, cell.seed)
        if key not in self._stages:
            self._stages[key] = self._make("student", arm.strong, cell, method=arm.method, labels=weak)
        stages = CellStages(
            split=split,
            weak=weak,
            student=self._stages[key],
            ceiling=self._finetune("ceiling", arm.strong, cell),
        )
        return PlannedCell(cell=cell, stages=stages)

    def _split(self, task: str, seed: int) -> Stage:
        key = ("split", task, seed)
        if key not in self._stages:
            self._stages[key] = split_stage(self.sweep.tasks[task].spec, seed)
        return self._stages[key]

    def _finetune(self, role: Role, model: str, cell: Cell) -> Stage:
        key = (role, model, cell.task, cell.seed)
        if key not in self._stages:
            self._stages[key] = self._make(role, model, cell)
        return self._stages[key]

    def _make(self, role: Role, model: str, cell: Cell, **student: Any) -> Stage:
        resolved = self.sweep.models[model]
        return finetune_stage(
            model=resolved.spec,
            recipe=self.sweep.recipe(role, model, cell.task),
            seed=cell.seed,
            half="weak" if role == "weak" else "transfer",
            split=self._split(cell.task, cell.seed),
            base=self._base(model),
            **student,
        )

    def _base(self, model: str) -> Stage | None:
        resolved = self.sweep.models[model]
        if resolved.pretrain_seed is None:
            return None
        key = ("base", model)
        if key not in self._stages:
            self._stages[key] = pretrain_stage(resolved.spec, resolved.pretrain_seed)
        return self._stages[key]

    def _order(self, stage: Stage) -> Order:
        model = stage.spec.get("model")
        size = self.size(model) if model else None
        wish = self.sweep.resources.placement(self.alias(model)) if model else self.sweep.resources.base
        resources, layout = place(stage, wish, num_parameters=size)
        errand = Errand(stage=stage, store=self.sweep.store, layout=layout, places=self.sweep.places)
        seconds = stage_seconds(stage.kind, stage_flops(stage, size), resources)
        return Order(errand=errand, resources=resources, seconds=seconds)


def arm_id(arm: Arm) -> str:
    """A short id of an arm by the sweep's own names and the method."""
    return digest([arm.weak, arm.strong, arm.method])[:12]


def roles_of(cell: CellStages) -> tuple[Stage, Stage, Stage]:
    """The three trainings of a cell."""
    return (cell.weak, cell.student, cell.ceiling)
