"""Which engine a layout asks for, and whether the device can do what the recipe asks."""

from __future__ import annotations

import torch
from torch import nn

from w2s_ray.core.errors import EnvironmentFault
from w2s_ray.core.specs import Layout, TrainSpec
from w2s_ray.training.engine import Engine, TorchEngine
from w2s_ray.training.worker import Worker


def build_engine(model: nn.Module, recipe: TrainSpec, layout: Layout, worker: Worker) -> Engine:
    """The engine a layout asks for: DeepSpeed where it names a ZeRO stage, else torch."""
    check_precision(recipe.precision, worker.device.type)
    if layout.zero_stage is None:
        return TorchEngine(model, recipe, worker)
    from w2s_ray.training.zero import DeepSpeedEngine

    return DeepSpeedEngine(model, recipe, layout, worker)


def check_precision(precision: str, device: str) -> None:
    """Raise EnvironmentFault where a device cannot multiply in bf16."""
    if precision == "bf16" and device == "cuda" and not torch.cuda.is_bf16_supported():
        raise EnvironmentFault(
            "this GPU has no bf16; set `train.precision: fp32`, or ask for a later accelerator (from Ampere)"
        )
