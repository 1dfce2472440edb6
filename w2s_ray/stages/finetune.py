"""Finetune a model and predict while it is loaded: supervisor, student and ceiling are this one stage.

Leaves `predictions.parquet`, `curve.parquet` and `metrics.json`. Weights are not kept, predictions are the artifact;
but the backbone is, as `model/`, where the plan makes features of it. A role trained on the weak half also predicts
the transfer half, where its labels are wanted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from w2s_ray.core.identity import derived_seed
from w2s_ray.core.specs import ModelSpec
from w2s_ray.stages.job import Job, Outcome
from w2s_ray.stages.keep import keep
from w2s_ray.stages.learn import Classes, Form, learn
from w2s_ray.stages.material import Material
from w2s_ray.stages.probe import HEAD
from w2s_ray.stages.texts import taught_by
from w2s_ray.training.worker import Worker


def run(job: Job, worker: Worker) -> Outcome:
    """Train by the recipe, predict every split the role owes, and write the three files."""
    material = Material(job)
    loaded = (_generator if material.facts["kind"] == "text" else _classifier)(job, material)
    loaded.facts["num_parameters"] = sum(parameter.numel() for parameter in loaded.module.parameters())
    engine = engine_of(job, worker, loaded.module, loaded.backbone)
    kept = partial(_keep_backbone, job, material) if job.stage.spec.get("keeps_model") else None
    metrics = learn(job, worker, material, engine, loaded.inputs, loaded.form, kept)
    return Outcome(metrics=metrics, facts=loaded.facts)


@dataclass(frozen=True, kw_only=True)
class _Loaded:
    """A model in its role: the whole module and its backbone, what it is asked, in which form it answers."""

    module: Any
    backbone: Any
    inputs: Any
    form: Form
    facts: dict[str, Any]


def engine_of(job: Job, worker: Worker, module: Any, backbone: Any) -> Any:
    """The engine that trains `module` by the stage's recipe in the job's layout; `backbone` is its large part."""
    from w2s_ray.models.build import enable_gradient_checkpointing
    from w2s_ray.training.engines import build_engine

    if job.layout.gradient_checkpointing:
        enable_gradient_checkpointing(backbone)
    return build_engine(module, job.stage.spec["recipe"], job.layout, worker)


def _classifier(job: Job, material: Material) -> _Loaded:
    from w2s_ray.models.encode import encode
    from w2s_ray.training.batches import Tokens

    examples, built = material.examples, _built(job, material)
    num_texts = built.classifier.num_texts
    flat = encode(
        built.tokenizer,
        [context for contexts in examples.contexts for context in contexts],
        [text for texts in examples.texts for text in texts],
        max_tokens=built.max_tokens,
    )
    texts = [flat[start : start + num_texts] for start in range(0, len(flat), num_texts)]
    return _Loaded(
        module=built.classifier,
        backbone=built.classifier.backbone,
        inputs=Tokens(texts=texts, pad_id=built.tokenizer.pad_token_id),
        form=Classes(material.num_classes),
        facts={"head": built.head_init, "max_tokens": built.max_tokens},
    )


def _built(job: Job, material: Material) -> Any:
    """The classifier before any training, every time the same."""
    from w2s_ray.models.build import build
    from w2s_ray.models.head import HeadPlan

    model = job.stage.spec["model"]
    head = HeadPlan(
        num_classes=material.num_classes,
        num_texts=len(material.examples.texts[0]),
        label_words=material.facts["label_words"],
        init=job.stage.spec["recipe"].head,
        file=job.inputs["head"] / HEAD if "head" in job.inputs else None,
    )
    folder = model_folder(model, job.inputs, job.places)
    return build(model, folder, head, seed=_weights_seed(job), vocabulary=vocabulary_of(model))


def _keep_backbone(job: Job, material: Material, weights: Mapping[str, Any]) -> None:
    built = _built(job, material)
    keep(built.classifier, built.classifier.backbone, built.tokenizer, weights, job.out / "model")


def _generator(job: Job, material: Material) -> _Loaded:
    from w2s_ray.models.generator import build_generator

    model = job.stage.spec["model"]
    folder = model_folder(model, job.inputs, job.places)
    built = build_generator(model, folder, seed=_weights_seed(job), vocabulary=vocabulary_of(model))
    form = taught_by(material, built)
    return _Loaded(
        module=built.generator,
        backbone=built.generator.language_model,
        inputs=form.prompts(material.examples),
        form=form,
        facts={"max_tokens": built.max_tokens},
    )


def _weights_seed(job: Job) -> int:
    return derived_seed(job.stage.spec["seed"], "weights")


def model_folder(model: ModelSpec, inputs: Mapping[str, Path], places: Mapping[str, str]) -> Path | None:
    """Where the checkpoint lies: with the stage that made it, in a folder, in the hub's cache, or nowhere."""
    from w2s_ray.models.fetch import fetch

    if "base" in inputs:
        return inputs["base"] / "model"
    return None if model.source.kind == "world" else fetch(model, places)


def vocabulary_of(model: ModelSpec) -> tuple[str, ...]:
    """The words of a rung of the offline ladder, which has no tokenizer file where it is not pretrained."""
    if model.source.kind != "world":
        return ()
    from w2s_ray.tasks.world import VOCABULARY

    return VOCABULARY
