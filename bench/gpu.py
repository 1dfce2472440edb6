"""Finetuning on a CUDA device with torch and transformers alone: speed, memory, agreement of precisions.

    python -m bench.gpu [--width 1024] [--layers 24] [--steps 10]

A randomly initialised GPT-2-like model learns rows of 256 random tokens. Prints tokens a second, peak memory and the
losses' distance from plain fp32, with and without gradient checkpointing, and for each ZeRO stage where
DeepSpeed imports. Without CUDA it says so and ends.
"""

from __future__ import annotations

import argparse
import importlib.util
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from w2s_ray.core.specs import Layout, TrainSpec
from w2s_ray.methods import build_method, method_spec
from w2s_ray.models.build import Classifier, enable_gradient_checkpointing, without_dropout
from w2s_ray.models.head import Head
from w2s_ray.training.batches import Tokens, global_batches
from w2s_ray.training.engines import build_engine
from w2s_ray.training.loop import Lesson, train_step
from w2s_ray.training.worker import Worker

BATCH, LENGTH, VOCABULARY = 32, 256, 8192


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One way to compute the same training."""

    name: str
    precision: str
    layout: Layout


@dataclass(frozen=True, kw_only=True)
class Measured:
    losses: list[float]
    tokens_per_s: float
    peak_bytes: int


def trials() -> Iterator[Trial]:
    """fp32 first: the others are compared with it."""
    for precision in ("fp32", "bf16"):
        for checkpointed in (False, True):
            layout = Layout(device="cuda", gradient_checkpointing=checkpointed, micro_tokens=BATCH * LENGTH)
            yield Trial(name="torch", precision=precision, layout=layout)
    yield Trial(name="torch 4×8", precision="fp32", layout=Layout(device="cuda", micro_tokens=8 * LENGTH))
    if importlib.util.find_spec("deepspeed") is not None:
        for stage in range(4):
            layout = Layout(device="cuda", zero_stage=stage, micro_tokens=BATCH * LENGTH)
            yield Trial(name=f"zero-{stage}", precision="bf16", layout=layout)


def measure(trial: Trial, width: int, layers: int, steps: int) -> Measured:
    """Train in one way; the first two steps are not timed."""
    recipe = TrainSpec(epochs=1, batch=BATCH, lr=1e-4, precision=trial.precision)  # type: ignore[arg-type]
    lesson = make_lesson(recipe, trial.layout, steps)
    worker = Worker(device=torch.device("cuda"))
    engine = build_engine(make_model(width, layers, trial.layout), recipe, trial.layout, worker)
    torch.cuda.reset_peak_memory_stats()
    losses, started = [], 0.0
    for step, batch in enumerate(
        global_batches(len(lesson.inputs), batch=BATCH, epochs=1, seed=0, drop_last=True)
    ):
        if step == 2:
            torch.cuda.synchronize()
            started = time.perf_counter()
        losses.append(train_step(engine, lesson, batch, done=step / steps, lr=recipe.lr))
    torch.cuda.synchronize()
    taken, peak = time.perf_counter() - started, torch.cuda.max_memory_allocated()
    engine.close()
    return Measured(losses=losses, tokens_per_s=(steps - 2) * BATCH * LENGTH / taken, peak_bytes=peak)


def make_lesson(recipe: TrainSpec, layout: Layout, steps: int) -> Lesson:
    """Rows whose class is the parity of their last token, learned by the confidence loss."""
    rng = np.random.default_rng(0)
    ids_NT = rng.integers(0, VOCABULARY, (steps * BATCH, LENGTH))
    return Lesson(
        inputs=Tokens(texts=[[row.tolist()] for row in ids_NT], pad_id=0),
        labels_NC=np.eye(2, dtype=np.float32)[ids_NT[:, -1] % 2] * 0.8 + 0.1,
        objective=build_method(method_spec("confidence", {})),
        prior=0.5,
        recipe=recipe,
        seed=0,
        micro_tokens=layout.micro_tokens,
    )


def make_model(width: int, layers: int, layout: Layout) -> Classifier:
    from transformers import GPT2Config, GPT2Model

    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=VOCABULARY,
        n_embd=width,
        n_layer=layers,
        n_head=width // 64,
        n_positions=LENGTH,
        use_cache=False,
    )
    backbone = GPT2Model(config)
    without_dropout(backbone)
    for block in backbone.h:
        block.attn.attn_dropout.p = 0.0
    classifier = Classifier(backbone, Head(width, 2), pooling="last", num_texts=1).train()
    if layout.gradient_checkpointing:
        enable_gradient_checkpointing(classifier.backbone)
    return classifier


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=int, default=1024)
    parser.add_argument("--layers", type=int, default=24)
    parser.add_argument("--steps", type=int, default=10)
    options = parser.parse_args()
    if not torch.cuda.is_available():
        print("skipped: torch sees no CUDA device here")
        return
    print(
        f"{torch.cuda.get_device_name()}, {options.layers} layers of {options.width}, {BATCH} × {LENGTH} tokens a step"
    )
    print(f"{'engine':12}{'precision':11}{'checkpointing':15}{'tokens/s':>10}{'peak GB':>9}{'loss off':>10}")
    reference: list[float] = []
    for trial in trials():
        found = measure(trial, options.width, options.layers, options.steps)
        reference = reference or found.losses
        off = np.abs(np.subtract(found.losses, reference)).max()
        checkpointed = "on" if trial.layout.gradient_checkpointing else "off"
        print(
            f"{trial.name:12}{trial.precision:11}{checkpointed:15}{found.tokens_per_s:10.0f}"
            f"{found.peak_bytes / 1e9:9.2f}{off:10.1e}",
            flush=True,
        )


if __name__ == "__main__":
    main()
