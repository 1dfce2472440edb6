"""The shape of a sweep file: its keys, their types and ranges. What names mean is decided in `config`.

Strict: an unknown key, a string for a number or `true` for 1 is an error. Every numeric bound is here.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from w2s_ray.core.registry import unknown
from w2s_ray.tasks.lint.findings import CHECKS

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
# Optuna's samplers by the name a sweep file uses, and the class that `search` makes of it.
SAMPLERS = {
    "tpe": "TPESampler",
    "gp": "GPSampler",
    "cmaes": "CmaEsSampler",
    "nsgaii": "NSGAIISampler",
    "nsgaiii": "NSGAIIISampler",
    "random": "RandomSampler",
    "qmc": "QMCSampler",
    "bruteforce": "BruteForceSampler",
}


def _name(value: str) -> str:
    if not NAME.fullmatch(value):
        raise ValueError("a name has 1 to 64 letters, digits, '.', '_' or '-', the first a letter or digit")
    return value


def _revision(value: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{40}", value):
        raise ValueError("a revision is a commit, 40 hex digits: a branch or tag may move")
    return value


def _hub_id(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", value):
        raise ValueError("expected a dataset of the hub as `owner/name`")
    return value


def _sampler(value: str) -> str:
    if value not in SAMPLERS:
        raise ValueError(unknown("sampler", value, SAMPLERS))
    return value


def _check(value: str) -> str:
    if value not in CHECKS:
        raise ValueError(unknown("check", value, CHECKS))
    return value


def _task(value: Any) -> Any:
    if not isinstance(value, str | dict | None):
        raise ValueError("expected the name of a task, or a mapping that describes one")
    return value


def _distinct(values: list[Any]) -> list[Any]:
    seen = set()
    for value in values:
        if value in seen:
            raise ValueError(f"{value!r} is listed twice")
        seen.add(value)
    return values


def _pairs(value: Any) -> Any:
    if value is None or (isinstance(value, str) and value != "all"):
        raise ValueError("expected `all`, or a list of {weak: …, strong: …}")
    return None if value == "all" else value


_listed = BeforeValidator(lambda value: [value] if isinstance(value, str) else value)
_switch = BeforeValidator(lambda value: ({} if value else None) if isinstance(value, bool) else value)
_section = BeforeValidator(lambda value: {} if value is None else value)
Name = Annotated[str, AfterValidator(_name)]
Names = Annotated[list[str], _listed, Field(min_length=1), AfterValidator(_distinct)]
Revision = Annotated[str, AfterValidator(_revision)]
Positive = Annotated[int, Field(gt=0)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Rate = Annotated[float, Field(gt=0)]


class Section(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)

    def given(self) -> dict[str, Any]:
        """The fields that the file sets, sections of their own left out."""
        return {
            name: getattr(self, name) for name in type(self).model_fields if name in self.model_fields_set
        }


class TaskEntry(Section):
    """A task by the name of its key, of `task`, or described by the mapping `task`.

    Rows come from the task's own source, the files at `path`, or the hub's `source` and its `config`. Examples
    with a text of more than `max_chars` characters, its context not counted, are left out. A leak
    that the lint finds stops the task, unless `allow_leaks` names the check that found it.
    """

    task: Annotated[Any, AfterValidator(_task)] = None
    path: str | None = None
    source: Annotated[str, AfterValidator(_hub_id)] | None = None
    config: str = ""
    revision: Revision | None = None
    half: Annotated[int, Field(ge=0)] | None = None
    validation: Annotated[int, Field(ge=0)] | None = None
    test: Annotated[int, Field(ge=0)] | None = None
    role: Literal["dev", "held-out"] = "dev"
    max_chars: Annotated[int, Field(ge=0)] = 0
    allow_leaks: Annotated[list[Annotated[str, AfterValidator(_check)]], _listed] = []


class LoraEntry(Section):
    rank: Positive = 8
    alpha: Rate = 16.0
    targets: str = "all-linear"


class AdaptEntry(Section):
    """Reading a task's texts before anything is trained; without an `lr` at the model's own."""

    epochs: Positive = 1
    batch: Positive = 32
    lr: Rate | None = None


class CorpusEntry(Section):
    """Local files to pretrain on: `text` is a template over their columns, or `task` one that makes the texts.

    Without a `path` the files are those of the sweep's own task of that name.
    """

    path: str | None = None
    text: str | None = None
    task: str | None = None


class ModelItem(Section):
    """A model by the name of its key, or of its `source`. `corpus` is for models that are pretrained here."""

    source: str | None = None
    revision: Revision | None = None
    config: Annotated[dict[str, Any], _section] = {}
    context: Positive | None = None
    pooling: Literal["auto", "last", "mean"] = "auto"
    pretrained: bool = True
    pretrain_seed: Seed | None = None
    pretrain_steps: Positive | None = None
    corpus: Annotated[list[CorpusEntry], Field(min_length=1)] | None = None
    lr: Rate | None = None
    lora: LoraEntry | None = None
    regime: Literal["finetune", "probe", "lp-ft"] | None = None
    adapt: Annotated[AdaptEntry | None, _switch] = None


class PairEntry(Section):
    """Every weak with every strong model of a line, by its methods or the common ones, on its tasks or all."""

    weak: Names
    strong: Names
    methods: list[Any] | None = None
    tasks: Names | None = None
    allow_same: bool = False


class Recipe(Section):
    """Fields of core's TrainSpec; those that are not given fall through to a weaker layer."""

    epochs: Positive = 2
    batch: Positive = 32
    lr: Rate = 1e-5
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    warmup: Fraction = 0.0
    clip: Annotated[float, Field(ge=0)] = 1.0
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    betas: Annotated[list[Annotated[float, Field(ge=0, lt=1)]], Field(min_length=2, max_length=2)] = [
        0.9,
        0.999,
    ]
    eps: Rate = 1e-8
    drop_last: bool = False
    selection: Literal["last", "weak-val"] = "last"
    evals: Positive = 1
    precision: Literal["fp32", "bf16"] = "fp32"
    head: Literal["words", "small", "zero"] = "words"
    predict_batch: Positive = 64


class RoleRecipes(Section):
    weak: Annotated[Recipe, _section] = Recipe()
    student: Annotated[Recipe, _section] = Recipe()
    ceiling: Annotated[Recipe, _section] = Recipe()


class Train(Recipe):
    """The recipe and its exceptions. `probe` is that of the probes of a sweep, and of the first part of lp-ft."""

    probe: Annotated[Recipe, _section] = Recipe()
    roles: Annotated[RoleRecipes, _section] = RoleRecipes()
    models: Annotated[dict[str, Annotated[Recipe, _section]], _section] = {}
    tasks: Annotated[dict[str, Annotated[Recipe, _section]], _section] = {}


class SearchEntry(Section):
    trials: Positive = 12
    sampler: Annotated[str, AfterValidator(_sampler)] = "tpe"
    seed: Seed = 0
    batch: Positive = 4
    study: Literal["pair", "all"] = "pair"
    prune: bool = False
    options: Annotated[dict[str, Any], _section] = {}


class PlacementEntry(Section):
    launcher: Literal["auto", "here", "actor", "train"] = "auto"
    cpus: Rate = 1.0
    gpus: Annotated[float, Field(ge=0)] = 0.0
    workers: Positive = 1
    zero: Annotated[int, Field(ge=0, le=3)] | None = None
    offload: bool = False
    threads: Positive = 1
    micro_tokens: Positive = 16384
    gradient_checkpointing: bool = False
    checkpoint_s: Annotated[float, Field(ge=0)] = 300.0
    gpu_memory_gb: Rate = 80.0


class ResourcesEntry(PlacementEntry):
    max_concurrent: Positive | None = None
    models: Annotated[dict[str, Annotated[PlacementEntry, _section]], _section] = {}


class TrackingEntry(Section):
    uri: str | None = None


class BudgetEntry(Section):
    gpu_hours: Rate | None = None
    dollars: Rate | None = None
    dollars_per_gpu_hour: Rate | None = None


class ReportEntry(Section):
    level: Annotated[float, Field(gt=0, lt=1)] = 0.95
    draws: Annotated[int, Field(ge=100, le=1_000_000)] = 2000
    figures: Names | None = None


class SweepFile(Section):
    """The whole file. Its keys are frozen by a test: a new one is a decision, not an accident."""

    name: Name
    seeds: Annotated[list[Seed], Field(min_length=1), AfterValidator(_distinct)]
    tasks: Annotated[dict[Name, Annotated[TaskEntry, _section]], Field(min_length=1)]
    models: Annotated[dict[Name, Annotated[ModelItem, _section]], Field(min_length=1)]
    pairs: Annotated[Annotated[list[PairEntry], Field(min_length=1)] | None, BeforeValidator(_pairs)]
    methods: Annotated[list[Any], _listed, Field(min_length=1)]
    train: Annotated[Train, _section] = Train()
    search: SearchEntry | None = None
    resources: Annotated[ResourcesEntry, _section] = ResourcesEntry()
    tracking: Annotated[TrackingEntry, _section] = TrackingEntry()
    store: str | None = None
    budget: Annotated[BudgetEntry, _section] = BudgetEntry()
    report: Annotated[ReportEntry, _section] = ReportEntry()
