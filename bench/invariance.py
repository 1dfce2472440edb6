"""How far results move when only the layout does: losses, predictions, parameters against 1 worker × 32 rows.

    python -m bench.invariance [--steps 60] [--no-deepspeed] [--precision bf16]

A small GPT-NeoX learns short sequences, once for each layout and method. Prints a table of the
largest differences from plain torch, one worker, one forward pass a step. The tolerances are held by
`tests/training/test_invariance.py`.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from w2s_ray.core.specs import Layout, ModelSpec, Source, TrainSpec
from w2s_ray.methods import build_method, method_spec
from w2s_ray.models.build import build
from w2s_ray.models.head import HeadPlan
from w2s_ray.training.batches import Tokens
from w2s_ray.training.engine import Engine
from w2s_ray.training.engines import build_engine
from w2s_ray.training.loop import Lesson, train
from w2s_ray.training.predict import predict
from w2s_ray.training.worker import Worker, launch_processes

WORDS = ("<pad>", "<bos>", "<unk>", *(f"w{index}" for index in range(29)))
EPOCHS, BATCH, LONGEST = 4, 32, 12
ONE_PASS, EIGHT_ROWS = 16384, 8 * LONGEST  # tokens of a micro-batch
METHODS = ("naive", "confidence")
REFERENCE = "torch 1×32"
HERE = {REFERENCE: Layout(micro_tokens=ONE_PASS), "torch 4×8": Layout(micro_tokens=EIGHT_ROWS)}
PAIRED = {"torch 2×16": Layout(world_size=2, micro_tokens=ONE_PASS)} | {
    "torch 2×(2×8)": Layout(world_size=2, micro_tokens=EIGHT_ROWS)
}
ZERO = {
    f"zero-{stage} {shape}": Layout(world_size=2, zero_stage=stage, micro_tokens=budget)
    for stage in range(4)
    for shape, budget in (("2×16", ONE_PASS), ("2×(2×8)", EIGHT_ROWS))
}


@dataclass(frozen=True, kw_only=True)
class Run:
    """What one layout computed: losses [steps], probabilities [rows, 2], all trained parameters in a row."""

    losses_S: npt.NDArray[np.float64]
    p_NC: npt.NDArray[np.float32]
    weights_P: npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Trials:
    """Trains every layout with every method on one gang of workers, and leaves the runs in `folder`."""

    layouts: Sequence[tuple[str, Layout]]
    folder: Path
    steps: int
    methods: Sequence[str] = METHODS
    precision: str = "fp32"

    def __call__(self, worker: Worker) -> None:
        torch.set_num_threads(1)
        for name, layout in self.layouts:
            for method in self.methods:
                run = trial(layout, method, worker, steps=self.steps, precision=self.precision)
                if worker.leads:
                    np.savez(self.folder / f"{name}-{method}.npz", **vars(run))


def measure(
    layouts: dict[str, Layout], *, steps: int, methods: Sequence[str] = METHODS, precision: str = "fp32"
) -> dict[tuple[str, str], Run]:
    """Runs by (layout, method), all layouts of one world size."""
    (world_size,) = {layout.world_size for layout in layouts.values()}
    with tempfile.TemporaryDirectory() as folder:
        trials = Trials(
            layouts=tuple(layouts.items()),
            folder=Path(folder),
            steps=steps,
            methods=methods,
            precision=precision,
        )
        launch_processes(trials, world_size=world_size)
        return {
            (name, method): Run(**dict(np.load(Path(folder) / f"{name}-{method}.npz")))
            for name in layouts
            for method in methods
        }


def trial(layout: Layout, method: str, worker: Worker, *, steps: int, precision: str = "fp32") -> Run:
    """Train in one layout, and predict every row."""
    lesson = make_lesson(method, layout.micro_tokens, steps=steps, precision=precision)
    engine = make_engine(lesson.recipe, layout, worker)
    progress = train(engine, lesson, evaluate=lambda: (0.0, 0.0))
    p_NC = predict(engine, lesson.inputs, range(len(lesson.inputs)), batch=64, num_classes=2)
    weights = engine.weights()
    engine.close()
    return Run(
        losses_S=np.array(progress.losses),
        p_NC=p_NC,
        weights_P=np.concatenate([weights[name].numpy().ravel() for name in sorted(weights)]),
    )


def make_lesson(method: str, micro_tokens: int = ONE_PASS, *, steps: int, **recipe: Any) -> Lesson:
    """Random words whose class is the parity of the first one; weak labels are soft and often wrong."""
    rng = np.random.default_rng(7)
    num_rows = steps * BATCH // EPOCHS
    texts = [[rng.integers(3, len(WORDS), rng.integers(3, LONGEST + 1)).tolist()] for _ in range(num_rows)]
    positive_N = np.array([text[0][0] % 2 for text in texts])
    weak_N = np.clip(0.2 + 0.6 * positive_N + rng.normal(0, 0.3, num_rows), 0.02, 0.98)
    spec = TrainSpec(**({"epochs": EPOCHS, "batch": BATCH, "lr": 3e-3, "evals": 0} | recipe))
    return Lesson(
        inputs=Tokens(texts=texts, pad_id=0),
        labels_NC=np.stack([1 - weak_N, weak_N], axis=1).astype(np.float32),
        objective=build_method(method_spec(method, {})),
        prior=0.5,
        recipe=spec,
        seed=0,
        micro_tokens=micro_tokens,
    )


def make_engine(recipe: TrainSpec, layout: Layout, worker: Worker, **model: Any) -> Engine:
    """An engine over a small GPT-NeoX with seeded random weights."""
    source = Source(kind="world", name="tiny-s", version=1)
    spec = ModelSpec(family="tiny", source=source, pretrained=False, **model)
    built = build(spec, None, HeadPlan(num_classes=2, init="small"), seed=0, vocabulary=WORDS)
    return build_engine(built.classifier, recipe, layout, worker)


def differences(run: Run, reference: Run) -> dict[str, float]:
    """The largest difference of losses and of probabilities, and the median one of parameters."""
    return {
        "loss": float(np.abs(run.losses_S - reference.losses_S).max()),
        "probability": float(np.abs(run.p_NC - reference.p_NC).max()),
        "parameter": float(np.median(np.abs(run.weights_P - reference.weights_P))),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--no-deepspeed", action="store_true")
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    arguments = parser.parse_args()
    precision = arguments.precision
    runs = measure(HERE, steps=arguments.steps, precision=precision)
    paired = PAIRED if arguments.no_deepspeed else PAIRED | ZERO
    runs |= measure(paired, steps=arguments.steps, precision=precision)
    print(f"{arguments.steps} steps, {precision}; largest difference from {REFERENCE} (parameters: median)")
    print(f"{'layout':18}{'method':12}{'loss':>10}{'probability':>13}{'parameter':>11}")
    for (layout, method), run in runs.items():
        moved = differences(run, runs[REFERENCE, method])
        print(
            f"{layout:18}{method:12}{moved['loss']:10.1e}{moved['probability']:13.1e}{moved['parameter']:11.1e}"
        )


if __name__ == "__main__":
    main()
