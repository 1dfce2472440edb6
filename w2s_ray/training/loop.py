"""The one training loop: for every engine, role and method.

An optimizer step sees a global batch. Where the targets of its rows depend on one another (`coupled`), the
student's probabilities of the *whole* batch are collected first: from the forward pass itself where the batch
fits one, else by a first pass without gradients. The loss is a sum over rows divided by the global batch.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from w2s_ray.core.errors import TrainingDiverged
from w2s_ray.core.specs import TrainSpec
from w2s_ray.training.batches import Inputs, Rows, global_batches, micro_batches
from w2s_ray.training.engine import Engine
from w2s_ray.training.progress import Checkpoints, CurvePoint, Progress, resume, save


class Objective(Protocol):
    """What to learn: a method, as the loop sees it. `outputs` are what the model gives of a row."""

    coupled: Any

    def target(self, student_BC: Tensor, weak_BC: Tensor, *, prior: float, progress: float) -> Tensor: ...
    def row_loss(self, outputs_MC: Tensor, goal_MC: Tensor) -> Tensor: ...


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """Everything that one training learns from: rows, their labels [rows, classes], how to learn them."""

    inputs: Inputs
    labels_NC: npt.NDArray[np.float32]
    objective: Objective
    prior: float
    recipe: TrainSpec
    seed: int
    micro_tokens: int


Evaluate = Callable[[], tuple[float | None, float | None]]


def train(
    engine: Engine,
    lesson: Lesson,
    *,
    evaluate: Evaluate,
    checkpoints: Checkpoints | None = None,
    checkpoint_s: float = 0.0,
) -> Progress:
    """Run the recipe to its end and leave the selected weights in the engine.

    `evaluate` gives (accuracy on the select split against the role's labels, accuracy on the test split).
    With `checkpoints`, resumes from the latest one and saves a new one every `checkpoint_s` seconds.
    """
    batches = global_batches(
        len(lesson.labels_NC),
        batch=lesson.recipe.batch,
        epochs=lesson.recipe.epochs,
        seed=lesson.seed,
        drop_last=lesson.recipe.drop_last,
    )
    evaluations = evaluation_steps(len(batches), lesson.recipe.evals)
    progress = resume(engine, checkpoints)
    saved = time.monotonic()
    while progress.step < len(batches):
        lr = lr_at(progress.step, len(batches), lesson.recipe)
        done = progress.step / len(batches)
        loss = train_step(engine, lesson, batches[progress.step], done=done, lr=lr, step=progress.step)
        progress.step += 1
        progress.losses.append(loss)
        if progress.step in evaluations:
            _evaluate(engine, lesson.recipe, progress, evaluate, is_last=progress.step == len(batches))
        due = checkpoints is not None and 0 < checkpoint_s <= time.monotonic() - saved
        if checkpoints is not None and checkpoint_s and engine.worker.any(due):
            checkpoints.save(progress.step, lambda folder: save(engine, progress, folder))
            saved = time.monotonic()
    if progress.best is not None and progress.best_step != progress.step:
        engine.load_weights(progress.best)
    return progress


def train_step(
    engine: Engine, lesson: Lesson, batch: Rows, *, done: float, lr: float, step: int = 0
) -> float:
    """One optimizer step on a global batch; its mean loss, or TrainingDiverged where that is not finite.

    `done` is the fraction of all steps that came before; `step` their number, for the message.
    """
    worker = engine.worker
    micros = micro_batches(lesson.inputs, batch, world_size=worker.world_size, budget=lesson.micro_tokens)[
        worker.rank
    ]
    weak_BC = torch.as_tensor(lesson.labels_NC[batch], device=worker.device)

    def target(student_BC: Tensor, weak_BC: Tensor) -> Tensor:
        return lesson.objective.target(student_BC, weak_BC, prior=lesson.prior, progress=done)

    goal_BC = None
    if lesson.objective.coupled and len(micros) > 1:
        goal_BC = target(_first_pass(engine, lesson, batch, micros, weak_BC), weak_BC)
    total = torch.zeros((), device=worker.device)
    for index, micro in enumerate(micros):
        logits_MC = _forward(engine, lesson, batch, micro)
        student_MC = logits_MC.detach().softmax(-1)
        if lesson.objective.coupled and goal_BC is None:
            goal_BC = target(_collect(engine, micro, student_MC, weak_BC), weak_BC)
        goal_MC = goal_BC[micro] if goal_BC is not None else target(student_MC, weak_BC[micro])
        loss = lesson.objective.row_loss(logits_MC, goal_MC).sum() / len(batch)
        engine.backward(loss, last=index == len(micros) - 1)
        total += loss.detach()
    mean = worker.sum(total).item()
    if not math.isfinite(mean):
        raise TrainingDiverged(
            f"the loss became {mean} at step {step} ({done:.0%} done); lower lr ({lr:g}) or clip harder"
        )
    engine.step(lr)
    return mean


def lr_at(step: int, num_steps: int, recipe: TrainSpec) -> float:
    """Learning rate of step `step` (from 0): linear warm-up, then the schedule, which ends at 0."""
    warmup = recipe.warmup * num_steps
    if step < warmup:
        return recipe.lr * (step + 1) / (warmup + 1)
    rest = (step - warmup) / max(1.0, num_steps - warmup)
    factor = {"cosine": 0.5 * (1 + math.cos(math.pi * rest)), "linear": 1 - rest, "constant": 1.0}
    return recipe.lr * factor[recipe.schedule]


def evaluation_steps(num_steps: int, evals: int) -> set[int]:
    """Steps after which to evaluate: `evals` evenly spaced ones, the last at the end."""
    return {round(num_steps * (index + 1) / evals) for index in range(evals)} if evals else set()


def _forward(engine: Engine, lesson: Lesson, batch: Rows, micro: Rows) -> Tensor:
    """Logits of a micro-batch; an empty one runs a row for the collectives, and keeps none of it."""
    rows = batch[micro] if len(micro) else batch[:1]
    return engine.forward(*lesson.inputs.tensors(rows, engine.worker.device))[: len(micro)]


def _first_pass(
    engine: Engine, lesson: Lesson, batch: Rows, micros: Sequence[Rows], weak_BC: Tensor
) -> Tensor:
    student_BC = torch.zeros_like(weak_BC)
    with torch.no_grad():
        for micro in micros:
            student_BC[micro] = _forward(engine, lesson, batch, micro).softmax(-1)
    return engine.worker.sum(student_BC)


def _collect(engine: Engine, micro: Rows, student_MC: Tensor, weak_BC: Tensor) -> Tensor:
    """The student's probabilities of the global batch from the one micro-batch of each worker."""
    student_BC = torch.zeros_like(weak_BC)
    student_BC[micro] = student_MC
    return engine.worker.sum(student_BC)


def _evaluate(
    engine: Engine, recipe: TrainSpec, progress: Progress, evaluate: Evaluate, *, is_last: bool
) -> None:
    since = progress.curve[-1].step if progress.curve else 0
    loss = float(np.mean(progress.losses[since:]))
    if is_last and recipe.selection == "last":  # the final predictions say the rest
        progress.curve.append(CurvePoint(step=progress.step, loss=loss))
        return
    select_accuracy, test_accuracy = evaluate()
    point = CurvePoint(
        step=progress.step, loss=loss, select_accuracy=select_accuracy, test_accuracy=test_accuracy
    )
    progress.curve.append(point)
    if recipe.selection == "weak-val" and (select_accuracy or 0.0) > progress.best_accuracy:
        progress.best_accuracy, progress.best_step = select_accuracy or 0.0, progress.step
        progress.best = engine.weights()
