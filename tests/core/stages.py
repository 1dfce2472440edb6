"""Specs and stages that the tests of core share."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from w2s_ray.core.graph import (
    CellStages,
    Stage,
    features_stage,
    finetune_stage,
    pretrain_stage,
    probe_stage,
    split_stage,
)
from w2s_ray.core.specs import LoraSpec, MethodSpec, ModelSpec, Source, TaskSpec, TrainSpec

REVIEW = TaskSpec(
    name="review",
    version=1,
    source=Source(kind="world", name="review", version=1),
    half=64,
    validation=32,
    test=32,
)
TINY = ModelSpec(family="tiny", source=Source(kind="world", name="tiny-xs", version=1), context=64)
GPT2 = ModelSpec(family="gpt2", source=Source(kind="hub", name="openai-community/gpt2", revision="0" * 40))
NAIVE = MethodSpec(name="naive", version=1)
CONFIDENCE = MethodSpec(name="confidence", version=1, params={"alpha": 0.5, "warmup": 0.2})
RECIPE = TrainSpec(lr=1e-3)


def cell(
    method: MethodSpec = NAIVE, *, seed: int = 0, recipe: TrainSpec = RECIPE, weak: ModelSpec = TINY
) -> CellStages:
    """One cell: a tiny supervisor, a GPT-2 student and ceiling."""
    split = split_stage(REVIEW, seed)
    common: dict[str, Any] = {"recipe": recipe, "seed": seed, "split": split}
    base = pretrain_stage(weak, 0)
    supervisor = finetune_stage(model=weak, half="weak", base=base, **common)
    ceiling = finetune_stage(model=GPT2, half="transfer", **common)
    student = finetune_stage(model=GPT2, half="transfer", method=method, labels=supervisor, **common)
    return CellStages(split=split, weak=supervisor, student=student, ceiling=ceiling)


def with_lora() -> Stage:
    """A GPT-2 with low-rank adapters, learning ground truth."""
    model = replace(GPT2, lora=LoraSpec(rank=4), config={"num_hidden_layers": 2})
    return finetune_stage(model=model, recipe=RECIPE, seed=3, half="transfer", split=split_stage(REVIEW, 3))


def probed(method: MethodSpec = NAIVE, *, seed: int = 0) -> CellStages:
    """One cell of probes: a tiny supervisor, a GPT-2 student and ceiling."""
    split = split_stage(REVIEW, seed)
    tiny, gpt2 = (replace(model, regime="probe") for model in (TINY, GPT2))
    common: dict[str, Any] = {"recipe": RECIPE, "seed": seed, "split": split}
    low = features_stage(model=tiny, split=split, base=pretrain_stage(TINY, 0))
    high = features_stage(model=gpt2, split=split)
    supervisor = probe_stage(model=tiny, half="weak", features=low, **common)
    ceiling = probe_stage(model=gpt2, half="transfer", features=high, **common)
    student = probe_stage(
        model=gpt2, half="transfer", features=high, method=method, labels=supervisor, **common
    )
    return CellStages(split=split, weak=supervisor, student=student, ceiling=ceiling)
