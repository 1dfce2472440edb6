"""A sweep as work: its arms, their cells in canonical order, each cell's stages, and how each stage runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from w2s_ray.core.graph import CellStages, Stage, closure
from w2s_ray.core.identity import digest
from w2s_ray.core.specs import Arm, Cell, ModelSpec
from w2s_ray.execution.orders import Order
from w2s_ray.execution.placement import place
from w2s_ray.models.resolve import num_parameters
from w2s_ray.stages.run import Errand
from w2s_ray.store.backend import Backend
from w2s_ray.sweep.chains import student_of
from w2s_ray.sweep.costs import stage_flops, stage_seconds
from w2s_ray.sweep.nouns import Sweep
from w2s_ray.sweep.trainings import Trainings


@dataclass(frozen=True, kw_only=True)
class PlannedCell:
    """A cell with the stages it reads."""

    cell: Cell
    stages: CellStages


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """Arms as the broker is told of them: how each stage runs, and each arm's cells in canonical order."""

    orders: list[Order]
    cells: dict[str, tuple[CellStages, ...]]


class Work:
    """The graph of a sweep. Arms of a search are added as they are asked for; equal stages are one object."""

    def __init__(self, sweep: Sweep, arms: Sequence[Arm] | None = None) -> None:
        self.sweep = sweep
        self._trainings = Trainings(sweep)
        self._by_object: dict[int, tuple[ModelSpec, _Known]] = {}
        self.arms: dict[str, tuple[PlannedCell, ...]] = {}
        self.add(sweep.arms if arms is None else arms)

    def add(self, arms: Iterable[Arm]) -> list[str]:
        """Take arms in; returns their ids."""
        named = {arm_id(arm): arm for arm in arms}
        new = {
            name: [self._planned(cell) for cell in self._cells(arm)]
            for name, arm in named.items()
            if name not in self.arms
        }
        self.arms |= {name: tuple(map(self._widened, cells)) for name, cells in new.items()}
        return list(named)

    @property
    def cells(self) -> list[PlannedCell]:
        """Every cell, arm by arm, in canonical order."""
        return [planned for cells in list(self.arms.values()) for planned in cells]

    def stages(self) -> list[Stage]:
        """Every stage once, inputs before consumers."""
        return closure(stage for planned in self.cells for stage in roles_of(planned.stages))

    def assignment(self, ids: Iterable[str] | None = None) -> Assignment:
        """What the broker is told of arms, by default of all that are known now."""
        arms = {name: self.arms[name] for name in list(self.arms if ids is None else ids)}
        cells = {
            name: tuple(planned.stages for planned in planned_cells) for name, planned_cells in arms.items()
        }
        stages = closure(stage for group in cells.values() for cell in group for stage in roles_of(cell))
        return Assignment(orders=self.orders(stages), cells=cells)

    def counts(self, arm: str) -> tuple[bool, ...]:
        """Which of an arm's cells count for the objective of a search: those of `dev` tasks."""
        return tuple(self.sweep.tasks[planned.cell.task].role == "dev" for planned in self.arms[arm])

    def orders(self, stages: Iterable[Stage]) -> list[Order]:
        """How each stage runs."""
        return [self._order(stage) for stage in stages]

    def typical(self) -> list[Stage]:
        """A supervisor and a ceiling of every pair: no other stage asks for more, whatever a search comes to."""
        seed = self.sweep.seeds[0]
        weak = [self._trainings.supervisor(pair.weak, pair.tasks[0], seed) for pair in self.sweep.pairs]
        strong = [self._trainings.ceiling(pair.strong, pair.tasks[0], seed) for pair in self.sweep.pairs]
        return closure([*weak, *strong])

    def alias(self, stage: Stage) -> str:
        """The sweep's own name of the task that a stage is about (the first of several); "" if it has none."""
        split = stage.inputs.get("split", stage)
        spec = split.spec.get("task")
        return next((alias for alias, task in self.sweep.tasks.items() if task.spec == spec), "")

    @cached_property
    def _places(self) -> dict[str, str]:
        return self.sweep.places

    @cached_property
    def store(self) -> str:
        """The store's URL; a local one by its absolute path, because workers have other working directories."""
        backend = Backend(self.sweep.store)
        return backend.root if backend.is_local else self.sweep.store

    def size(self, model: ModelSpec) -> int | None:
        """Parameters of a model, None where only the hub knows."""
        return self._known_as(model).size

    @cached_property
    def _by_spec(self) -> dict[str, _Known]:
        known = {
            alias: _Known(alias=alias, size=num_parameters(model.spec, model.place))
            for alias, model in self.sweep.models.items()
        }
        specs = {alias: model.spec for alias, model in self.sweep.models.items()}
        bare = {digest(_bare(spec)): known[alias] for alias, spec in specs.items()}
        return bare | {digest(spec): known[alias] for alias, spec in specs.items()}

    def _known_as(self, model: ModelSpec) -> _Known:
        """What the sweep knows of a model; specs are few objects that many stages share, digests are not free."""
        if id(model) not in self._by_object:
            found = self._by_spec.get(digest(model)) or self._by_spec[digest(_bare(model))]
            self._by_object[id(model)] = (model, found)
        return self._by_object[id(model)][1]

    def _cells(self, arm: Arm) -> list[Cell]:
        """Seeds outside, so that every prefix of an arm spans all tasks as evenly as it can."""
        tasks = self.sweep.tasks_of(arm)
        return [Cell(arm=arm, task=task, seed=seed) for seed in self.sweep.seeds for task in tasks]

    def _planned(self, cell: Cell) -> PlannedCell:
        arm, task, seed = cell.arm, cell.task, cell.seed
        stages = CellStages(
            split=self._trainings.split(task, seed),
            weak=self._trainings.supervisor(arm.weak, task, seed),
            student=student_of(
                self._trainings, arm.method, weak=arm.weak, strong=arm.strong, task=task, seed=seed
            ),
            ceiling=self._trainings.ceiling(arm.strong, task, seed),
        )
        return PlannedCell(cell=cell, stages=stages)

    def _widened(self, planned: PlannedCell) -> PlannedCell:
        """A student that another arm asks for more predictions is trained once, for both."""
        stages = planned.stages
        return replace(planned, stages=replace(stages, student=self._trainings.widest(stages.student)))

    def _order(self, stage: Stage) -> Order:
        model = stage.spec.get("model")
        size = self.size(model) if model else None
        wish = (
            self.sweep.resources.placement(self._known_as(model).alias)
            if model
            else self.sweep.resources.base
        )
        resources, layout = place(stage, wish, num_parameters=size)
        alias = self.alias(stage)
        errand = Errand(stage=stage, store=self.store, layout=layout, places=self._places, alias=alias)
        seconds = stage_seconds(stage.kind, stage_flops(stage, size), resources)
        return Order(errand=errand, resources=resources, seconds=seconds)


@dataclass(frozen=True, kw_only=True)
class _Known:
    """What a sweep knows of a model beside its spec: its own name for it, and how many parameters it has."""

    alias: str
    size: int | None


def _bare(model: ModelSpec) -> ModelSpec:
    """What models have in common that differ in what is trained of them."""
    return replace(model.backbone, adapt=None)


def arm_id(arm: Arm) -> str:
    """A short id of an arm by the sweep's own names and the method."""
    return digest([arm.weak, arm.strong, arm.method])[:12]


def roles_of(cell: CellStages) -> tuple[Stage, Stage, Stage]:
    """The three trainings of a cell."""
    return (cell.weak, cell.student, cell.ceiling)
