"""What a stage costs, before anything has run: FLOPs from sizes, seconds from an assumed speed.

Estimates for placing and planning, with their assumptions as constants; never part of a result.
"""

from __future__ import annotations

from w2s_ray.core.graph import Stage
from w2s_ray.core.specs import ModelSpec, Resources, TaskSpec, TrainSpec
from w2s_ray.models.tiny import pretraining_tokens

TOKENS_PER_TEXT = 128  # where no row has been read yet; of an image too
WORLD_TOKENS = 24  # of a text of the offline world
CPU_FLOPS = 6e10  # sustained, one core, fp32
GPU_FLOPS = 1.5e14  # sustained, one data-centre GPU, bf16
ALONE_S = 0.5  # a stage's own overhead on a warm worker
GANG_S = 30.0  # to start and end a Ray Train run
PRETRAIN_S = 4.0  # of a ladder's rung, however small


def stage_flops(stage: Stage, num_parameters: int | None) -> float:
    """6·N·D for training and 2·N·D for predicting (Kaplan et al. 2020), 0 where N is unknown or no model runs."""
    if not num_parameters:
        return 0.0
    model: ModelSpec = stage.spec["model"]
    if stage.kind == "pretrain":
        return 6.0 * num_parameters * pretraining_tokens(model)
    if stage.kind not in ("features", "adapt", "finetune", "prompt"):
        return 0.0
    task: TaskSpec = stage.inputs["split"].spec["task"]
    guess = WORLD_TOKENS if task.source.kind == "world" else TOKENS_PER_TEXT
    tokens = min(guess, model.context)
    if stage.kind == "features":
        frozen: float = 2.0 * num_parameters * tokens * (2 * task.half + task.validation + task.test)
        return frozen
    if stage.kind == "prompt":
        asked = min(tokens * (1 + stage.spec["shots"]), model.context)
        prompted: float = 2.0 * num_parameters * asked * (task.validation + task.test)
        return prompted
    recipe: TrainSpec = stage.spec["recipe"]
    if stage.kind == "adapt":
        read: float = 6.0 * num_parameters * tokens * recipe.epochs * task.half
        return read
    trained = 6.0 * recipe.epochs * task.half
    predicted = 2.0 * (
        task.test * recipe.evals + task.validation + task.half * (stage.spec["half"] == "weak")
    )
    flops: float = num_parameters * tokens * (trained + predicted)
    return flops


def stage_seconds(kind: str, flops: float, resources: Resources) -> float:
    """Seconds on the resources it will get."""
    gpus = resources.gpus * resources.workers
    speed = GPU_FLOPS * gpus if gpus else CPU_FLOPS * resources.cpus * resources.workers
    fixed = PRETRAIN_S if kind == "pretrain" else ALONE_S
    return flops / speed + (GANG_S if resources.launcher == "train" else fixed)
