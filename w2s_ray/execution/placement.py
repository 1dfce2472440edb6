"""Where a stage runs: in which launcher, on how much of how many devices, in which ZeRO stage.

From an estimate of its memory and the sweep's wishes; anything wished for explicitly wins. Not identity.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from w2s_ray.core.errors import BudgetError
from w2s_ray.core.graph import Stage
from w2s_ray.core.specs import Layout, ModelSpec, Resources

STATE_BYTES = 16  # a parameter's fp32 weight, gradient and two Adam moments
WEIGHT_BYTES = 4
ADAPTED_SHARE = 0.02  # parameters that LoRA trains, as a generous share of all
HEADROOM = 1.25  # activations, buffers and fragmentation, as a factor on the states
FRACTIONS = (0.25, 0.5, 1.0)  # of a GPU
MAX_WORKERS = 64
_ALONE = {"features": "features are made", "prompt": "prompts are answered"}


@dataclass(frozen=True, kw_only=True)
class Placement:
    """A sweep's wishes for a model's stages. `auto` leaves the launcher to the memory estimate."""

    launcher: Literal["auto", "here", "actor", "train"] = "auto"
    cpus: float = 1.0
    gpus: float = 0.0
    workers: int = 1
    zero: int | None = None
    offload: bool = False
    threads: int = 1
    micro_tokens: int = 16384
    gradient_checkpointing: bool = False
    checkpoint_s: float = 300.0
    gpu_memory_gb: float = 80.0


def place(stage: Stage, wish: Placement, *, num_parameters: int | None) -> tuple[Resources, Layout]:
    """Resources and layout of a stage; BudgetError where no number of workers would hold the model."""
    if stage.kind not in ("finetune", "adapt"):
        return _alone(stage, wish, num_parameters)
    model: ModelSpec = stage.spec["model"]
    if num_parameters is None:  # only the hub knows: a whole GPU, and no neighbours to be pushed out
        workers, zero, gpus = wish.workers, wish.zero, wish.gpus
    else:
        workers, zero, gpus = _gang(
            wish, memory_bytes(num_parameters, lora=model.lora is not None), num_parameters
        )
    if wish.launcher == "auto":
        launched: Literal["here", "actor", "train"] = "train" if workers > 1 or zero is not None else "actor"
    else:
        launched = wish.launcher
    if launched != "train":
        workers, zero = 1, None
    resources = Resources(launcher=launched, cpus=wish.cpus, gpus=gpus, workers=workers)
    return resources, Layout(
        device="cuda" if gpus else "cpu",
        threads=wish.threads,
        world_size=workers,
        zero_stage=zero,
        offload=wish.offload,
        micro_tokens=wish.micro_tokens,
        gradient_checkpointing=wish.gradient_checkpointing,
        checkpoint_s=wish.checkpoint_s,
    )


def _alone(stage: Stage, wish: Placement, num_parameters: int | None) -> tuple[Resources, Layout]:
    """What one worker does: all but training whole models. Where one is run it takes a GPU; a probe needs none."""
    launcher: Literal["here", "actor"] = "here" if wish.launcher == "here" else "actor"
    gpus = wish.gpus if stage.kind in ("features", "prompt") else 0.0
    if gpus and num_parameters is not None:
        need, memory = HEADROOM * WEIGHT_BYTES * num_parameters, wish.gpu_memory_gb * 1e9
        if need > memory:
            raise BudgetError(
                f"{num_parameters:.3g} frozen parameters need {need / 1e9:.0f} GB in fp32, and {_ALONE[stage.kind]} "
                f"on one GPU of {wish.gpu_memory_gb:g} GB; set resources.models.<name>.gpus to 0 for the CPU"
            )
        gpus = min(gpus, next(fraction for fraction in FRACTIONS if need <= fraction * memory))
    layout = Layout(device="cuda" if gpus else "cpu", threads=wish.threads, checkpoint_s=0)
    return Resources(launcher=launcher, cpus=wish.cpus, gpus=gpus), layout


def memory_bytes(num_parameters: int, *, lora: bool = False) -> float:
    """Bytes of device memory that finetuning takes in one process, activations estimated."""
    if lora:
        trained = ADAPTED_SHARE * num_parameters
        return HEADROOM * (WEIGHT_BYTES * num_parameters + STATE_BYTES * trained)
    return HEADROOM * STATE_BYTES * num_parameters


def _gang(wish: Placement, need: float, num_parameters: int) -> tuple[int, int | None, float]:
    """Workers, ZeRO stage and GPUs per worker."""
    if not wish.gpus or wish.launcher in ("here", "actor"):
        return wish.workers, wish.zero, wish.gpus
    memory = wish.gpu_memory_gb * 1e9
    if need <= memory and wish.workers == 1 and wish.zero is None:
        share = next(fraction for fraction in FRACTIONS if need <= fraction * memory)
        return 1, None, min(share, wish.gpus)
    workers = max(wish.workers, 1 if need <= memory else 2)
    while wish.workers == 1 and need / workers > memory and workers < MAX_WORKERS:
        workers *= 2
    if need / workers > memory and not wish.offload:
        raise BudgetError(
            f"{num_parameters:.3g} parameters need {need / 1e9:.0f} GB of states, more than {workers} GPUs of "
            f"{wish.gpu_memory_gb:g} GB hold; set resources.models.<name>.workers, offload or a lora"
        )
    weights = WEIGHT_BYTES * HEADROOM * num_parameters
    fits_two = weights + (need - weights) / workers <= memory
    return workers, wish.zero if wish.zero is not None else (2 if fits_two else 3), max(1.0, wish.gpus)
