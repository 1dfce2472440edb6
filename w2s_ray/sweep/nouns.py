"""What a checked sweep file means: frozen, every name resolved, every default filled in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

from w2s_ray.core.identity import digest
from w2s_ray.core.specs import Arm, TaskSpec, TrainSpec
from w2s_ray.execution.placement import Placement
from w2s_ray.models.resolve import ResolvedModel
from w2s_ray.sweep.space import Space
from w2s_ray.tasks.base import Task

Role = Literal["weak", "student", "ceiling"]
ROLES: tuple[Role, ...] = ("weak", "student", "ceiling")


@dataclass(frozen=True, kw_only=True)
class SweepTask:
    """A task of the sweep. `dev` tasks may choose methods in a search; `held-out` ones are only reported."""

    spec: TaskSpec
    task: Task
    role: Literal["dev", "held-out"] = "dev"
    place: str | None = None


@dataclass(frozen=True, kw_only=True)
class SweepPair:
    """Two models by the sweep's own names, the methods tried between them, and the tasks that these span."""

    weak: str
    strong: str
    space: Space
    tasks: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Search:
    """An Optuna search: `trials` per study, asked in batches of `batch`."""

    trials: int
    sampler: str
    seed: int
    batch: int
    study: Literal["pair", "all"]
    prune: bool
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class SweepResources:
    """The sweep's placement, its exceptions by model, and how many stages may run at once (None: any)."""

    base: Placement = field(default_factory=Placement)
    models: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    max_concurrent: int | None = None

    def placement(self, model: str) -> Placement:
        """The placement of a model's stages."""
        return replace(self.base, **self.models.get(model, {}))


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What the sweep may use; None is no bound."""

    gpu_hours: float | None = None
    dollars: float | None = None
    dollars_per_gpu_hour: float | None = None


@dataclass(frozen=True, kw_only=True)
class ReportOptions:
    """Level of the intervals, how many bootstrap draws they rest on, and names of figures; None: all that can be."""

    level: float = 0.95
    draws: int = 2000
    figures: tuple[str, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class Recipes:
    """The layers of the recipe, each a part of TrainSpec's fields.

    Weakest first: `presets` that a task brings, `defaults` that a model brings, `base` (train:), `own` (the lr
    of the model's entry, and of train: what is for probes), then the exceptions of train: by role, by model and by
    task. `probe` is that of the first part of lp-ft, whole.
    """

    presets: Mapping[str, Mapping[str, Any]]
    defaults: Mapping[str, Mapping[str, Any]]
    base: Mapping[str, Any]
    own: Mapping[str, Mapping[str, Any]]
    probe: Mapping[str, Any]
    roles: Mapping[str, Mapping[str, Any]]
    models: Mapping[str, Mapping[str, Any]]
    tasks: Mapping[str, Mapping[str, Any]]

    def recipe(self, role: Role, model: str, task: str) -> TrainSpec:
        """The recipe of a training, each field from the strongest layer that gives it."""
        layers = (self.presets[task], self.defaults[model], self.base, self.own[model], self.roles.get(role, {}),
                  self.models.get(model, {}), self.tasks.get(task, {}))  # fmt: skip
        return _train_spec({key: value for layer in layers for key, value in layer.items()})

    def first_probe(self) -> TrainSpec:
        """The recipe of the first part of lp-ft."""
        return _train_spec(self.probe)


def _train_spec(given: Mapping[str, Any]) -> TrainSpec:
    fields: dict[str, Any] = dict(given)
    return TrainSpec(**fields | ({"betas": tuple(fields["betas"])} if "betas" in fields else {}))


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """A sweep file, checked and resolved.

    In grid mode `search` is None and `arms` enumerates every pair's methods in the order written; in search
    mode `arms` is empty and the spaces are those of `pairs`. `unpinned` names the tasks and models, as
    `tasks.<alias>` and `models.<alias>`, whose hub revision nobody has pinned.
    """

    name: str
    seeds: tuple[int, ...]
    tasks: Mapping[str, SweepTask]
    models: Mapping[str, ResolvedModel]
    pairs: tuple[SweepPair, ...]
    arms: tuple[Arm, ...]
    recipes: Recipes
    search: Search | None
    resources: SweepResources
    tracking_uri: str | None
    store: str
    budget: Budget
    report: ReportOptions

    def recipe(self, role: Role, model: str, task: str) -> TrainSpec:
        """The recipe of a role of a model on a task, by the sweep's own names."""
        return self.recipes.recipe(role, model, task)

    def tasks_of(self, arm: Arm) -> tuple[str, ...]:
        """The tasks that an arm spans, in the order of the sweep; those of every line that has it."""
        key = [arm.weak, arm.strong] if self.search else [arm.weak, arm.strong, digest(arm.method)]
        return tuple(task for task in self.tasks if task in self._spans[tuple(key)])

    @cached_property
    def _spans(self) -> dict[tuple[str, ...], set[str]]:
        """Tasks by the two models of a pair, and in a grid by the digest of a method."""
        found: dict[tuple[str, ...], set[str]] = {}
        for pair in self.pairs:
            methods = [()] if self.search else [(digest(method),) for method in pair.space.grid()]
            for method in methods:
                found.setdefault((pair.weak, pair.strong, *method), set()).update(pair.tasks)
        return found

    @property
    def places(self) -> dict[str, str]:
        """Where the content of each local source lies: digest → path."""
        found = [(task.spec.source, task.place) for task in self.tasks.values()]
        found += [(model.spec.source, model.place) for model in self.models.values()]
        corpora = (model.corpus_places.items() for model in self.models.values())
        places = {digest: place for items in corpora for digest, place in items}
        return places | {source.digest: place for source, place in found if place is not None}

    @property
    def unpinned(self) -> tuple[str, ...]:
        """Tasks and models whose hub revision is not known."""
        tasks = [f"tasks.{alias}" for alias, task in self.tasks.items() if not task.spec.source.pinned]
        return (
            *tasks,
            *(f"models.{alias}" for alias, one in self.models.items() if not one.spec.source.pinned),
        )

    @cached_property
    def digest(self) -> str:
        """The identity of all that causes the sweep's numbers; placement, store and name are not in it."""
        tasks = {alias: [task.spec, task.role] for alias, task in self.tasks.items()}
        models = {alias: [model.spec, model.pretrain_seed] for alias, model in self.models.items()}
        recipes = {f"{role} {model} {task}": self.recipe(role, model, task)
                   for role in ROLES for model in self.models for task in self.tasks}  # fmt: skip
        pairs = sorted(
            (
                [pair.weak, pair.strong, pair.space, *([pair.tasks] if set(pair.tasks) < set(tasks) else [])]
                for pair in self.pairs
            ),
            key=digest,
        )
        if any(model.spec.regime == "lp-ft" for model in self.models.values()):
            recipes["probe"] = self.recipes.first_probe()
        return digest([sorted(self.seeds), tasks, models, pairs, recipes, self.search])
