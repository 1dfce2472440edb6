"""Stages and the functions that make them: the only place that builds identity.

A stage says what it is and what it is made from, never where it runs. Equal stages are one unit of work,
whoever asks for them; that is how a supervisor is trained once for all its students.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from w2s_ray.core.identity import digest
from w2s_ray.core.specs import Half, MethodSpec, ModelSpec, PromptSpec, TaskSpec, TrainSpec

# Bumped when the meaning of a stage's output changes: old records are then simply not found.
VERSIONS = {
    "split": 1,
    "pretrain": 1,
    "adapt": 1,
    "finetune": 1,
    "features": 1,
    "probe": 1,
    "prompt": 1,
    "labels": 1,
    "fresh": 1,
}
# Kinds that play a role: they leave predictions and metrics, and where they train it a curve.
TRAININGS = ("finetune", "probe", "prompt")


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One memoised unit of work."""

    kind: str
    version: int
    spec: Mapping[str, Any]
    label: str
    inputs: Mapping[str, Stage] = field(default_factory=dict)

    @cached_property
    def identity(self) -> str:
        """64 hex digits over kind, version, spec and the identities of the inputs."""
        inputs = {role: stage.identity for role, stage in self.inputs.items()}
        return digest([self.kind, self.version, self.spec, inputs])

    @cached_property
    def key(self) -> str:
        """Path of this stage in any store. `label` is for people, and bears no identity of its own."""
        return f"{self.kind}/{self.label}-{self.identity[:12]}"

    def __hash__(self) -> int:
        return hash(self.identity)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Stage) and self.identity == other.identity


@dataclass(frozen=True, kw_only=True)
class CellStages:
    """The stages one cell reads: its split and the predictions of its three roles."""

    split: Stage
    weak: Stage
    student: Stage
    ceiling: Stage


def split_stage(task: TaskSpec, seed: int) -> Stage:
    """Rows of a task → examples with ids, groups and splits. Only the halves depend on the seed."""
    return _stage("split", {"task": task, "seed": seed}, f"{task.name}-s{seed}")


def fresh_stage(split: Stage, parts: int) -> Stage:
    """Rows of the split's task that it has not used, in `parts` parts `fresh1`, … of the size of a half.

    A part for which too few rows are left is empty, and so are all after it.
    """
    assert parts > 0, "no fresh part is asked for"
    return _stage("fresh", {"parts": parts}, split.label, {"split": split})


def labels_stage(
    *, method: MethodSpec, split: Stage, sources: Sequence[Stage], fresh: Stage | None = None
) -> Stage:
    """Labels that a strategy's `relabel` makes of other labels; `method` holds what it needs to know, no more."""
    inputs = {"split": split} | {f"labels{place}": source for place, source in enumerate(sources)}
    inputs |= {} if fresh is None else {"fresh": fresh}
    label = f"{split.spec['task'].name}-{method.name}-s{split.spec['seed']}"
    return _stage("labels", {"method": method}, label, inputs)


def pretrain_stage(model: ModelSpec, seed: int) -> Stage:
    """A rung of the offline ladder, from scratch. `seed` draws the corpus and the initial weights."""
    bare = replace(model.backbone, adapt=None)  # whatever is trained of it afterwards
    return _stage("pretrain", {"model": bare, "seed": seed}, f"{bare.label}-s{seed}")


def adapt_stage(
    *,
    model: ModelSpec,
    recipe: TrainSpec,
    seed: int,
    half: Half,
    split: Stage,
    base: Stage | None = None,
    fresh: Stage | None = None,
) -> Stage:
    """A model that has read the texts of a half, without their labels, and is then trained by role.

    It is the `base` of what is trained of it; its own `base` made its weights before. `model.adapt` says how
    long it reads, `recipe` everything of that.
    """
    assert model.adapt is not None, "a model that is not to be adapted"
    bare = replace(model, regime="finetune", adapt=None)
    spec = {"model": bare, "recipe": recipe, "seed": seed, "half": half}
    return _half_stage("adapt", spec, "texts", split, base=base, fresh=fresh)


def finetune_stage(
    *,
    model: ModelSpec,
    recipe: TrainSpec,
    seed: int,
    half: Half,
    split: Stage,
    method: MethodSpec | None = None,
    labels: Stage | None = None,
    base: Stage | None = None,
    head: Stage | None = None,
    fresh: Stage | None = None,
    predicts: Sequence[str] = (),
) -> Stage:
    """Train a model on a half and predict while it is loaded: supervisor, student and ceiling alike.

    Without `labels` it learns ground truth and `method` must be None; with them (a stage that predicted or
    relabelled this half) it learns those by `method`. `base` is the stage that made the backbone's weights.
    `head` is the probe from whose head it starts. `fresh` has the rows of a half `fresh1`, …; `predicts` are parts
    to predict beside those that every role does.
    """
    assert (method is None) == (labels is None), "a method needs weak labels, and weak labels a method"
    assert head is None or head.spec.get("keeps_head"), "a probe that keeps no head cannot give it"
    spec = {"model": model, "recipe": recipe, "seed": seed, "half": half, "method": method}
    spec |= {"predicts": tuple(predicts)} if predicts else {}
    return _training("finetune", spec, split, labels=labels, base=base, head=head, fresh=fresh)


def keeping_model(training: Stage) -> Stage:
    """The same finetune, which leaves its backbone as well, for features to be made of it."""
    assert training.kind == "finetune", "only a finetune has weights of its own"
    return replace(training, spec={**training.spec, "keeps_model": True})


def features_stage(*, model: ModelSpec, split: Stage, base: Stage | None = None) -> Stage:
    """What a frozen model makes of every example of a split, once for all probes that learn from it."""
    label = f"{split.spec['task'].name}-{model.label}-s{split.spec['seed']}"
    inputs = {"split": split} if base is None else {"split": split, "base": base}
    return _stage("features", {"model": model}, label, inputs)


def probe_stage(
    *,
    model: ModelSpec,
    recipe: TrainSpec,
    seed: int,
    half: Half,
    split: Stage,
    features: Stage,
    method: MethodSpec | None = None,
    labels: Stage | None = None,
    predicts: Sequence[str] = (),
    keeps_head: bool = False,
) -> Stage:
    """Train a linear head on a model's `features` of `split`, and predict: as `finetune_stage` otherwise.

    With `keeps_head` it leaves the head too, for a finetune to start from.
    """
    assert (method is None) == (labels is None), "a method needs weak labels, and weak labels a method"
    assert features.inputs["split"] == split, "features belong to the split that they were made of"
    spec = {"model": model, "recipe": recipe, "seed": seed, "half": half, "method": method}
    spec |= {"predicts": tuple(predicts)} if predicts else {}
    spec |= {"keeps_head": True} if keeps_head else {}
    return _training("probe", spec, split, labels=labels, features=features)


def prompt_stage(
    *,
    model: ModelSpec,
    prompt: PromptSpec,
    shots: int,
    calibrate: bool,
    seed: int,
    half: Half,
    split: Stage,
    labels: Stage | None = None,
    base: Stage | None = None,
    fresh: Stage | None = None,
    predicts: Sequence[str] = (),
) -> Stage:
    """Ask a language model, after `shots` examples of a half with their true labels or `labels`; nothing learns."""
    assert shots or labels is None, "labels are those of the shots"
    spec = {
        "model": model,
        "prompt": prompt,
        "shots": shots,
        "calibrate": calibrate,
        "seed": seed,
        "half": half,
    }
    spec |= {"predicts": tuple(predicts)} if predicts else {}
    return _half_stage("prompt", spec, f"shots{shots}", split, labels=labels, base=base, fresh=fresh)


def pretraining_of(stage: Stage) -> Stage | None:
    """The pretraining, done here, of the model that a stage trains or asks; None where there was none."""
    found: Stage | None = stage
    while found is not None and found.kind != "pretrain":
        found = found.inputs.get("features", found.inputs.get("base"))
    return found


def closure(stages: Iterable[Stage]) -> list[Stage]:
    """All stages that `stages` need, themselves included, each once, inputs before consumers."""
    seen: dict[str, Stage] = {}

    def visit(stage: Stage) -> None:
        if stage.identity in seen:
            return
        for role in sorted(stage.inputs):
            visit(stage.inputs[role])
        seen[stage.identity] = stage

    for stage in stages:
        visit(stage)
    return list(seen.values())


def _training(kind: str, spec: Mapping[str, Any], split: Stage, **inputs: Stage | None) -> Stage:
    return _half_stage(kind, spec, spec["method"].name if spec["method"] else "truth", split, **inputs)


def _half_stage(kind: str, spec: Mapping[str, Any], what: str, split: Stage, **inputs: Stage | None) -> Stage:
    """What a model does with a half of a split; `what` is for people."""
    given = {name: stage for name, stage in inputs.items() if stage is not None}
    label = f"{split.spec['task'].name}-{spec['model'].label}-{what}-{spec['half']}-s{spec['seed']}"
    return _stage(kind, spec, label, {"split": split, **given})


def _stage(
    kind: str, spec: Mapping[str, Any], label: str, inputs: Mapping[str, Stage] | None = None
) -> Stage:
    return Stage(kind=kind, version=VERSIONS[kind], spec=spec, label=_safe(label), inputs=inputs or {})


def _safe(label: str) -> str:
    """A label that is one path component of at most 100 bytes on any file system and object store."""
    return re.sub(r"[^A-Za-z0-9._=-]+", "_", label).strip("._=-")[:100] or "unnamed"
