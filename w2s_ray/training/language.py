"""Pretraining a causal language model on packed rows: the offline ladder's loop."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from w2s_ray.core.errors import TrainingDiverged


@dataclass(frozen=True, kw_only=True)
class LanguageRecipe:
    """AdamW with linear warm-up and a cosine to a tenth; weight decay on all tensors, clipped at norm 1."""

    lr: float
    warmup: float = 0.05
    floor: float = 0.1
    betas: tuple[float, float] = (0.9, 0.98)
    weight_decay: float = 0.01
    clip: float = 1.0


def train_language(model: Any, batches_SRT: Tensor, recipe: LanguageRecipe, *, pad_id: int) -> list[float]:
    """Train on [steps, rows, tokens] in order; each step's mean loss in nats a token, padding left out."""
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=recipe.lr, betas=recipe.betas, weight_decay=recipe.weight_decay
    )
    losses = []
    for step, ids_RT in enumerate(batches_SRT):
        for group in optimizer.param_groups:
            group["lr"] = recipe.lr * factor(step, len(batches_SRT), recipe)
        loss = _loss(model, ids_RT, pad_id)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
        optimizer.step()
        losses.append(loss.item())
        if not math.isfinite(losses[-1]):
            raise TrainingDiverged(
                f"pretraining loss became {losses[-1]} at step {step}; lower its lr ({recipe.lr:g})"
            )
    return losses


def factor(step: int, num_steps: int, recipe: LanguageRecipe) -> float:
    """The share of the peak learning rate at step `step`, from 0."""
    warmup = recipe.warmup * num_steps
    if step < warmup:
        return (step + 1) / warmup
    rest = (step - warmup) / max(1.0, num_steps - warmup)
    return recipe.floor + (1 - recipe.floor) * 0.5 * (1 + math.cos(math.pi * rest))


def _loss(model: Any, ids_RT: Tensor, pad_id: int) -> Tensor:
    logits_RTV = model(input_ids=ids_RT).logits[:, :-1]
    return nn.functional.cross_entropy(logits_RTV.flatten(0, 1), ids_RT[:, 1:].flatten(), ignore_index=pad_id)
