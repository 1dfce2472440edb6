"""Finetune a model and predict while it is loaded: supervisor, student and ceiling are this one stage.

Leaves `predictions.parquet`, `curve.parquet` and `metrics.json`. Weights are not kept: predictions are the
artifact. A role trained on the weak half also predicts the transfer half, where its labels are wanted.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from w2s_ray.core.identity import derived_seed
from w2s_ray.core.specs import ModelSpec, TrainSpec
from w2s_ray.stages.job import Job, Outcome
from w2s_ray.stages.learn import learn
from w2s_ray.stages.material import Material
from w2s_ray.training.worker import Worker


def run(job: Job, worker: Worker) -> Outcome:
    """Train by the recipe, predict every split the role owes, and write the three files."""
    material = Material(job)
    engine, tokens, facts = _prepare(job, worker, material)
    return Outcome(metrics=learn(job, worker, material, engine, tokens), facts=facts)


def _prepare(job: Job, worker: Worker, material: Material) -> tuple[Any, Any, dict[str, Any]]:
    """The engine with the model in it, the tokens of all examples, and facts for the record."""
    from w2s_ray.models.build import build, enable_gradient_checkpointing
    from w2s_ray.models.encode import encode
    from w2s_ray.models.head import HeadPlan
    from w2s_ray.training.batches import Tokens
    from w2s_ray.training.engines import build_engine

    recipe: TrainSpec = job.stage.spec["recipe"]
    examples, model = material.examples, job.stage.spec["model"]
    folder = model_folder(model, job.inputs, job.places)
    head = HeadPlan(
        num_classes=material.num_classes,
        num_texts=len(examples.texts[0]),
        label_words=material.facts["label_words"],
        init=recipe.head,
    )
    seed = derived_seed(job.stage.spec["seed"], "weights")
    built = build(model, folder, head, seed=seed, vocabulary=_vocabulary(model))
    if job.layout.gradient_checkpointing:
        enable_gradient_checkpointing(built.classifier)
    flat = encode(
        built.tokenizer,
        [context for contexts in examples.contexts for context in contexts],
        [text for texts in examples.texts for text in texts],
        max_tokens=built.max_tokens,
    )
    texts = [flat[start : start + head.num_texts] for start in range(0, len(flat), head.num_texts)]
    tokens = Tokens(texts=texts, pad_id=built.tokenizer.pad_token_id)
    parameters = sum(parameter.numel() for parameter in built.classifier.parameters())
    engine = build_engine(built.classifier, recipe, job.layout, worker)
    return (
        engine,
        tokens,
        {"head": built.head_init, "num_parameters": parameters, "max_tokens": built.max_tokens},
    )


def model_folder(model: ModelSpec, inputs: Mapping[str, Path], places: Mapping[str, str]) -> Path | None:
    """Where the checkpoint lies: with the stage that made it, in a folder, in the hub's cache, or nowhere."""
    from w2s_ray.models.fetch import fetch

    if "base" in inputs:
        return inputs["base"] / "model"
    return None if model.source.kind == "world" else fetch(model, places)


def _vocabulary(model: ModelSpec) -> tuple[str, ...]:
    if model.source.kind != "world":
        return ()
    from w2s_ray.tasks.world import VOCABULARY

    return VOCABULARY
