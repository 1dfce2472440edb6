"""A sweep file becomes a Sweep: names meet the registries, pairs and methods become arms.

Every error has the file and line (or the override) of its value, its dotted path and the nearest name, and
all that can be found at once are shown at once. Nothing heavy is imported: this runs before Ray starts.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from w2s_ray.core.errors import ConfigError
from w2s_ray.core.identity import digest
from w2s_ray.core.specs import Arm, CorpusSpec, LoraSpec, Source, TaskSpec
from w2s_ray.execution.placement import Placement
from w2s_ray.models.resolve import ModelEntry, ResolvedModel, medium_of, resolve_model
from w2s_ray.models.tiny import CORPUS_STEPS
from w2s_ray.sweep import checks
from w2s_ray.sweep.document import Document
from w2s_ray.sweep.nouns import (
    ROLES,
    Budget,
    Recipes,
    ReportOptions,
    Search,
    Sweep,
    SweepPair,
    SweepResources,
    SweepTask,
)
from w2s_ray.sweep.pairs import read_pairs
from w2s_ray.sweep.schema import ModelItem, SweepFile, TaskEntry, Train
from w2s_ray.sweep.validation import read_schema
from w2s_ray.tasks.base import TASKS, Task
from w2s_ray.tasks.corpus import texts_spec
from w2s_ray.tasks.definition import normalised
from w2s_ray.tasks.described import describe
from w2s_ray.tasks.folders import source_at, with_classes

__all__ = ["Sweep", "load_sweep"]

DEFAULT_STORE = "results/store"  # beside the results of every sweep of a working directory, which share it
# What a linear probe brings, weaker than anything the file says. Of a language model: Burns et al. 2023, D.2, and
# their early stop on the weak validation labels. Of images: D.1. AdamW without decay is Adam.
PROBE = {"epochs": 200, "batch": 128, "lr": 1e-3, "clip": 0.0, "selection": "weak-val", "evals": 20,
         "precision": "fp32", "head": "small", "predict_batch": 1024}  # fmt: skip
VISION_PROBE = {**PROBE, "epochs": 20, "selection": "last", "evals": 1}
E = TypeVar("E")
T = TypeVar("T")


def load_sweep(path: Path, overrides: Sequence[str] = ()) -> Sweep:
    """The sweep that the file at `path` describes; each override is `dotted.key=value`, its value YAML.

    ConfigError holds every error found, one a line.
    """
    document = Document(Path(path), overrides)
    file = read_schema(document)
    tasks = _each(document, "tasks", file.tasks, _task)
    models = _each(document, "models", file.models, partial(_model, tasks=file.tasks))
    pairs = read_pairs(document, file, models)
    checks.check_kinds(document, pairs, tasks)
    checks.check_media(document, pairs, models, tasks)
    checks.check_prompts(document, pairs, models, tasks)
    checks.check_size(document, file, pairs)
    checks.check_search(document, file, pairs)
    checks.check_aliases(document, file)
    document.raise_problems()
    sweep = _sweep(file, tasks, models, pairs)
    checks.check_contradictions(document, file, sweep)
    document.raise_problems()
    return sweep


def _each(
    document: Document, section: str, entries: Mapping[str, E], resolve: Callable[[str, E], T]
) -> dict[str, T]:
    """Resolve the entries of a section; one that cannot be is a problem at its line."""
    found = {}
    for alias, entry in entries.items():
        try:
            found[alias] = resolve(alias, entry)
        except ConfigError as error:
            document.problem((section, alias), str(error))
    return found


def _sweep(
    file: SweepFile,
    tasks: Mapping[str, SweepTask],
    models: Mapping[str, ResolvedModel],
    pairs: tuple[SweepPair, ...],
) -> Sweep:
    enumerated = pairs if file.search is None else ()
    return Sweep(
        name=file.name,
        seeds=tuple(file.seeds),
        tasks=tasks,
        models=models,
        pairs=pairs,
        arms=tuple({(pair.weak, pair.strong, digest(method)): Arm(weak=pair.weak, strong=pair.strong, method=method)
                    for pair in enumerated for method in pair.space.grid()}.values()),
        recipes=_recipes(file, models, tasks),
        search=Search(**file.search.model_dump()) if file.search else None,
        resources=_resources(file),
        tracking_uri=file.tracking.uri,
        store=file.store or DEFAULT_STORE,
        budget=Budget(**file.budget.model_dump()),
        report=_report(file),
    )  # fmt: skip


def _report(file: SweepFile) -> ReportOptions:
    figures = file.report.figures
    options = file.report.model_dump(exclude={"figures"})
    return ReportOptions(**options, figures=None if figures is None else tuple(figures))


def _task(alias: str, entry: TaskEntry) -> SweepTask:
    described = normalised(entry.task) if isinstance(entry.task, dict) else None
    if described is not None:
        if not (entry.path or entry.source):
            raise ConfigError("a described task needs its rows: `path`, or `source` (a dataset of the hub)")
        source = _rows(entry, None)
        described = with_classes(described, _place(entry.path))
        task = describe("described", described, source=source, alias=alias)
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
        max_chars=entry.max_chars,
        allow_leaks=tuple(sorted(set(entry.allow_leaks))),
    )
    return SweepTask(spec=spec, task=task, role=entry.role, place=_place(entry.path))


def _rows(entry: TaskEntry, task: Task | None) -> Source:
    """Where a task's rows come from."""
    if entry.config and not entry.source:
        raise ConfigError("`config` belongs to a `source` of the hub")
    if entry.path is not None:
        if entry.source or entry.revision:
            raise ConfigError(
                "`path` excludes `source` and `revision`: local files are named by their content"
            )
        return source_at(str(_place(entry.path)))
    if entry.source is not None:
        return Source(kind="hub", name=entry.source, config=entry.config, revision=entry.revision)
    assert task is not None
    if entry.revision is None:
        return task.source
    if task.source.kind != "hub":
        raise ConfigError(f"task {task.name!r} is made here, and has no revision")
    return Source(kind="hub", name=task.source.name, config=task.source.config, revision=entry.revision)


def _model(alias: str, entry: ModelItem, *, tasks: Mapping[str, TaskEntry]) -> ResolvedModel:
    given = {key: value for key, value in entry.given().items() if key != "pretrain_steps"}
    if entry.lora is not None:
        given["lora"] = LoraSpec(**entry.lora.model_dump())
    if entry.adapt is not None:
        given["adapt"] = entry.adapt.model_dump(exclude_none=True)
    return resolve_model(alias, ModelEntry(**given | _corpus(entry, tasks)))


def _corpus(entry: ModelItem, tasks: Mapping[str, TaskEntry]) -> dict[str, Any]:
    """What a model is pretrained on, and where those files are."""
    if entry.corpus is None:
        if entry.pretrain_steps is not None:
            raise ConfigError("pretrain_steps belongs to a model with a `corpus`")
        return {}
    texts, places = [], {}
    for given in entry.corpus:
        own = tasks.get(given.task or "", TaskEntry())
        place = _place(given.path or own.path)
        if place is None:
            raise ConfigError("corpus: needs a `path`, of local files")
        texts.append(texts_spec(place, text=given.text, task=given.task))
        places[texts[-1].source.digest] = place
    corpus = CorpusSpec(texts=tuple(texts), steps=entry.pretrain_steps or CORPUS_STEPS)
    return {"corpus": corpus, "corpus_places": places}


def _place(path: str | None) -> str | None:
    """An absolute path; what is relative is so to the current directory."""
    return None if path is None else os.path.abspath(Path(path).expanduser())  # noqa: PTH100


def _recipes(file: SweepFile, models: Mapping[str, ResolvedModel], tasks: Mapping[str, SweepTask]) -> Recipes:
    train = file.train
    sections = ("probe", "roles", "models", "tasks")
    base = {key: value for key, value in train.given().items() if key not in sections}
    return Recipes(
        base=base,
        own={alias: _own(model, train) for alias, model in models.items()},
        roles={role: getattr(train.roles, role).given() for role in ROLES},
        models={alias: recipe.given() for alias, recipe in train.models.items()},
        tasks={alias: recipe.given() for alias, recipe in train.tasks.items()},
        presets={alias: dict(task.task.recipe) for alias, task in tasks.items()},
        defaults={alias: _defaults(model) for alias, model in models.items()},
        probe=PROBE | train.probe.given(),
    )


def _own(model: ResolvedModel, train: Train) -> dict[str, Any]:
    """What the file says of a model beside the exceptions: its lr, and if it is probed the recipe of probes."""
    probe = train.probe.given() if model.spec.regime == "probe" else {}
    return probe | ({} if model.lr is None else {"lr": model.lr})


def _defaults(model: ResolvedModel) -> dict[str, Any]:
    """What a model brings where the file says nothing: a probe's recipe, bf16 unless made here, a published lr."""
    if model.spec.regime == "probe":
        return dict(VISION_PROBE if medium_of(model.spec) == "image" else PROBE)
    precision = "fp32" if model.spec.source.kind == "world" else "bf16"
    return {"precision": precision} | ({} if model.known_lr is None else {"lr": model.known_lr})


def _resources(file: SweepFile) -> SweepResources:
    given = file.resources.model_dump(exclude={"models", "max_concurrent"})
    return SweepResources(
        base=Placement(**given),
        models={alias: entry.given() for alias, entry in file.resources.models.items()},
        max_concurrent=file.resources.max_concurrent,
    )
