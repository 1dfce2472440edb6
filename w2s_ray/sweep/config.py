"""A sweep file becomes a Sweep: names meet the registries, pairs and methods become arms.

Every error has the file and line (or the override) of its value, its dotted path and the nearest name, and all
that can be found at once are shown at once. Nothing heavy is imported: this runs before Ray starts.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from w2s_ray.core.errors import ConfigError
from w2s_ray.core.registry import unknown
from w2s_ray.core.specs import Arm, LoraSpec, Source, TaskSpec
from w2s_ray.methods import METHODS
from w2s_ray.models.resolve import ModelEntry, ResolvedModel, resolve_model
from w2s_ray.sweep.document import Document
from w2s_ray.sweep.nouns import (
    ROLES,
    Budget,
    Placement,
    Recipes,
    ReportOptions,
    Search,
    Sweep,
    SweepPair,
    SweepResources,
    SweepTask,
)
from w2s_ray.sweep.schema import ModelItem, PairEntry, SweepFile, TaskEntry, read_schema
from w2s_ray.sweep.space import MethodSpace, ParameterError, Space, method_space
from w2s_ray.sweep.strict_yaml import Where
from w2s_ray.tasks.base import TASKS, Task
from w2s_ray.tasks.described import describe
from w2s_ray.tasks.files import source_of_files

MAX_CELLS = 100_000
DEFAULT_STORE = "results/store"  # beside the results of every sweep of a working directory, which share it


def load_sweep(path: Path, overrides: Sequence[str] = ()) -> Sweep:
    """The sweep that the file at `path` describes; each override is `dotted.key=value`, its value YAML.

    ConfigError holds every error found, one a line.
    """
    document = Document(path, overrides)
    file = read_schema(document)
    resolver = _Resolver(document, file)
    sweep = resolver.resolve()
    document.raise_problems()
    return sweep


class _Resolver:
    """Meets the names of one file with the registries, and notes what does not fit."""

    def __init__(self, document: Document, file: SweepFile) -> None:
        self._document = document
        self._file = file
        self._search = file.search is not None

    def resolve(self) -> Sweep:
        file = self._file
        tasks = self._each("tasks", file.tasks, _task)
        models = self._each("models", file.models, _model)
        pairs = self._pairs(models)
        self._check_kinds(pairs, tasks)
        self._check_size(pairs)
        self._check_aliases()
        self._document.raise_problems()
        arms = [Arm(weak=pair.weak, strong=pair.strong, method=method)
                for pair in pairs for method in (() if self._search else pair.space.grid())]  # fmt: skip
        sweep = Sweep(
            name=file.name,
            seeds=tuple(file.seeds),
            tasks=tasks,
            models=models,
            pairs=tuple(pairs),
            arms=tuple(arms),
            recipes=_recipes(file, models),
            search=Search(**file.search.model_dump()) if file.search else None,
            resources=_resources(file),
            tracking_uri=file.tracking.uri,
            store=file.store or DEFAULT_STORE,
            budget=Budget(**file.budget.model_dump()),
            report=ReportOptions(**file.report.model_dump()),
        )
        self._check_contradictions(sweep)
        return sweep

    @contextmanager
    def _at(self, *where: str | int) -> Iterator[None]:
        """A ConfigError raised inside is a problem of the value at `where`."""
        try:
            yield
        except ParameterError as error:
            self._document.problem((*where, error.key), str(error))
        except ConfigError as error:
            self._document.problem(where, str(error))

    def _each(self, section: str, entries: Mapping[str, Any], resolve: Any) -> dict[str, Any]:
        found = {}
        for alias, entry in entries.items():
            with self._at(section, alias):
                found[alias] = resolve(alias, entry)
        return found

    def _pairs(self, models: Mapping[str, ResolvedModel]) -> list[SweepPair]:
        """The pairs in the order written; one that is listed twice has the methods of both."""
        common = self._space(self._file.methods, ("methods",))
        spaces: dict[tuple[str, str], Space] = {}
        for where, entry in self._pair_entries():
            own = common if entry.methods is None else self._space(entry.methods, (*where, "methods"))
            for weak, strong in self._products(entry, where, models):
                before = spaces.get((weak, strong))
                if before and self._search:
                    self._document.problem(where, f"the pair {weak} → {strong} is listed twice")
                spaces[weak, strong] = Space(methods=(*before.methods, *own.methods)) if before else own
        return [SweepPair(weak=weak, strong=strong, space=space) for (weak, strong), space in spaces.items()]

    def _pair_entries(self) -> list[tuple[Where, PairEntry]]:
        if self._file.pairs is not None:
            return [(("pairs", index), entry) for index, entry in enumerate(self._file.pairs)]
        names = list(self._file.models)
        if len(names) < 2:
            self._document.problem(("pairs",), "`all` needs two models at least")
        return [(("pairs",), PairEntry(weak=[weak], strong=names[index + 1 :]))
                for index, weak in enumerate(names[:-1])]  # fmt: skip

    def _products(
        self, entry: PairEntry, where: Where, models: Mapping[str, ResolvedModel]
    ) -> Iterator[tuple[str, str]]:
        if len(entry.weak) * len(entry.strong) > MAX_CELLS:
            self._document.problem(
                where, f"{len(entry.weak) * len(entry.strong):,} pairs; at most {MAX_CELLS:,}"
            )
            return
        for end in ("weak", "strong"):
            for name in getattr(entry, end):
                if name not in self._file.models:
                    self._document.problem((*where, end), unknown("model", name, self._file.models))
        for weak in entry.weak:
            for strong in entry.strong:
                if not entry.allow_same and _same(models.get(weak), models.get(strong)):
                    message = (
                        f"{weak} → {strong}: weak and strong are the same model; `allow_same: true` allows it"
                    )
                    self._document.problem(where, message)
                elif weak in models and strong in models:
                    yield weak, strong

    def _space(self, entries: Sequence[Any], where: Where) -> Space:
        """The methods of a list; an entry is a name or {name: parameters}."""
        found: list[MethodSpace] = []
        if not entries:
            self._document.problem(where, "an empty list; name at least one method")
        for index, entry in enumerate(entries):
            name, params, place = self._method_entry(entry, (*where, index))
            if name is None:
                continue
            with self._at(*place):
                found.append(method_space(name, params, search=self._search))
                if self._search and name in [space.name for space in found[:-1]]:
                    raise ConfigError(
                        f"method {name!r} is listed twice; a search has one space for each method"
                    )
        return Space(methods=tuple(found))

    def _method_entry(self, entry: Any, where: Where) -> tuple[str | None, Mapping[str, Any], Where]:
        if isinstance(entry, str):
            return entry, {}, where
        if isinstance(entry, dict) and len(entry) == 1:
            ((name, params),) = entry.items()
            if params is None or isinstance(params, dict):
                return name, params or {}, (*where, name)
        self._document.problem(
            where, f"expected a method's name or {{name: {{parameter: value}}}}; found {entry!r}"
        )
        return None, {}, where

    def _check_kinds(self, pairs: Sequence[SweepPair], tasks: Mapping[str, SweepTask]) -> None:
        """A method must fit every task it meets."""
        for name in dict.fromkeys(method.name for pair in pairs for method in pair.space.methods):
            for alias, entry in tasks.items():
                if entry.task.kind not in METHODS[name].kinds:
                    kinds = ", ".join(sorted(METHODS[name].kinds))
                    message = f"method {name!r} fits tasks of kind {kinds}; this one is {entry.task.kind}"
                    self._document.problem(("tasks", alias), message)

    def _check_size(self, pairs: Sequence[SweepPair]) -> None:
        """Count the cells before any is made."""
        file = self._file
        if file.search:
            points: float = file.search.trials * len(pairs)
        else:
            points = sum(pair.space.size for pair in pairs)
        cells = points * len(file.tasks) * len(file.seeds)
        if cells > MAX_CELLS:
            where = ("search", "trials") if file.search else ("methods",)
            self._document.problem(where, f"{cells:,.0f} cells (arms × tasks × seeds); at most {MAX_CELLS:,}")
        if file.search and file.search.study == "all" and len({repr(pair.space) for pair in pairs}) > 1:
            self._document.problem(("search", "study"), "`all` needs the same methods for every pair")
        if file.search and not any(task.role == "dev" for task in file.tasks.values()):
            self._document.problem(("tasks",), "a search needs a task with `role: dev` to learn from")

    def _check_aliases(self) -> None:
        """Overrides by name must name something."""
        sections = (
            ("train", "models", self._file.train.models, self._file.models),
            ("train", "tasks", self._file.train.tasks, self._file.tasks),
            ("resources", "models", self._file.resources.models, self._file.models),
        )
        for section, key, given, known in sections:
            for alias in given:
                if alias not in known:
                    self._document.problem((section, key, alias), unknown(key[:-1], alias, known))

    def _check_contradictions(self, sweep: Sweep) -> None:
        if sweep.budget.dollars is not None and sweep.budget.dollars_per_gpu_hour is None:
            self._document.problem(("budget", "dollars"), "needs dollars_per_gpu_hour")
        if sweep.name == "store" and self._file.store is None:
            self._document.problem(("name",), "'store' is where the default store is; choose another name")
        for model in sweep.models:
            placement = sweep.resources.placement(model)
            given = ("models", model) if model in sweep.resources.models else ()
            for message in _placement_problems(placement):
                self._document.problem(("resources", *given), message)
            for batch in {sweep.recipe(role, model, task).batch for role in ROLES for task in sweep.tasks}:
                if batch % placement.workers:
                    message = (
                        f"the batch of {batch} is not divisible by {placement.workers} workers ({model})"
                    )
                    self._document.problem(("resources", *given, "workers"), message)


def _placement_problems(placement: Placement) -> Iterator[str]:
    if placement.launcher in ("here", "actor") and placement.workers > 1:
        yield f"launcher: {placement.launcher} has one worker; several need `train`"
    if placement.launcher in ("here", "actor") and placement.zero is not None:
        yield f"launcher: {placement.launcher} runs plain torch; zero: {placement.zero} needs `train`"
    if placement.offload and not placement.zero:
        yield "offload needs zero: 1, 2 or 3"


def _task(alias: str, entry: TaskEntry) -> SweepTask:
    described = entry.task if isinstance(entry.task, dict) else None
    if described is not None:
        if not (entry.path or entry.source):
            raise ConfigError("a described task needs its rows: `path`, or `source` (a dataset of the hub)")
        source = _rows(entry, None)
        task = describe("described", described, source=source)
    else:
        task = TASKS[entry.task or alias]
        source = _rows(entry, task)
    spec = TaskSpec(
        name=task.name,
        version=task.version,
        source=source,
        half=task.half if entry.half is None else entry.half,
        validation=task.validation if entry.validation is None else entry.validation,
        test=task.test if entry.test is None else entry.test,
        definition=described or {},
    )
    return SweepTask(spec=spec, task=task, role=entry.role, place=_place(entry.path))


def _rows(entry: TaskEntry, task: Task | None) -> Source:
    """Where a task's rows come from."""
    if entry.path is not None:
        if entry.source or entry.revision:
            raise ConfigError(
                "`path` excludes `source` and `revision`: local files are named by their content"
            )
        return source_of_files(str(_place(entry.path)))
    if entry.source is not None:
        return Source(kind="hub", name=entry.source, config=entry.config, revision=entry.revision)
    assert task is not None
    if entry.revision is None:
        return task.source
    if task.source.kind != "hub":
        raise ConfigError(f"task {task.name!r} is made here, and has no revision")
    return Source(kind="hub", name=task.source.name, config=task.source.config, revision=entry.revision)


def _model(alias: str, entry: ModelItem) -> ResolvedModel:
    given = entry.given()
    if entry.lora is not None:
        given["lora"] = LoraSpec(**entry.lora.model_dump())
    return resolve_model(alias, ModelEntry(**given))


def _place(path: str | None) -> str | None:
    """An absolute path; what is relative is so to the current directory."""
    return None if path is None else os.path.abspath(Path(path).expanduser())  # noqa: PTH100


def _same(weak: ResolvedModel | None, strong: ResolvedModel | None) -> bool:
    return weak is not None and strong is not None and (
        (weak.spec, weak.pretrain_seed) == (strong.spec, strong.pretrain_seed)
    )  # fmt: skip


def _recipes(file: SweepFile, models: Mapping[str, ResolvedModel]) -> Recipes:
    train = file.train
    base = {key: value for key, value in train.given().items() if key not in ("roles", "models", "tasks")}
    return Recipes(
        base=base,
        own={alias: {} if model.lr is None else {"lr": model.lr} for alias, model in models.items()},
        roles={role: getattr(train.roles, role).given() for role in ROLES},
        models={alias: recipe.given() for alias, recipe in train.models.items()},
        tasks={alias: recipe.given() for alias, recipe in train.tasks.items()},
        defaults={alias: _defaults(model) for alias, model in models.items()},
    )


def _defaults(model: ResolvedModel) -> dict[str, Any]:
    """What a model brings where the file says nothing: bf16 unless it is of the ladder, a published lr."""
    precision = "fp32" if model.spec.source.kind == "world" else "bf16"
    return {"precision": precision} | ({} if model.known_lr is None else {"lr": model.known_lr})


def _resources(file: SweepFile) -> SweepResources:
    given = file.resources.model_dump(exclude={"models", "max_concurrent"})
    return SweepResources(
        base=Placement(**given),
        models={alias: entry.given() for alias, entry in file.resources.models.items()},
        max_concurrent=file.resources.max_concurrent,
    )
