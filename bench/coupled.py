"""What each method costs beside `naive`: where a batch fits one forward pass, and where it needs several.

    python -m bench.coupled [--size m] [--steps 40] [--repeats 5] [--methods confidence product]

A coupled method needs a first pass without gradients where a batch is cut: a third more arithmetic, and more
where a model is so small that a forward pass is mostly overhead. The trainings alternate, so that whatever
else the machine does falls on all; prints ratios of medians. Budgets: 1.05 in one pass, 1.4 cut.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence

import torch

from bench.invariance import EIGHT_ROWS, ONE_PASS, WORDS, make_lesson
from w2s_ray.core.specs import Layout, ModelSpec, Source, TrainSpec
from w2s_ray.methods import METHODS
from w2s_ray.models.build import build
from w2s_ray.models.head import HeadPlan
from w2s_ray.models.tiny import TINY
from w2s_ray.training.engine import Engine
from w2s_ray.training.engines import build_engine
from w2s_ray.training.loop import train
from w2s_ray.training.worker import Worker

TOKENS = {"1×32": ONE_PASS, "4×8": EIGHT_ROWS}


def engine_of(size: str, recipe: TrainSpec) -> Engine:
    """A rung of the offline ladder with seeded random weights."""
    source = Source(kind="world", name=f"tiny-{size}", version=1)
    spec = ModelSpec(family="tiny", source=source, pretrained=False)
    built = build(spec, None, HeadPlan(num_classes=2, init="small"), seed=0, vocabulary=WORDS)
    return build_engine(built.classifier, recipe, Layout(), Worker())


def seconds(method: str, tokens: int, *, size: str, steps: int) -> float:
    """Process time of one training whose micro-batches hold that many tokens."""
    lesson = make_lesson(method, tokens, steps=steps)
    engine = engine_of(size, lesson.recipe)
    started = time.process_time()
    train(engine, lesson, evaluate=lambda: (0.0, 0.0))
    return time.process_time() - started


def ratio(method: str, tokens: int, *, size: str, steps: int, repeats: int) -> float:
    """Median time of `method` over that of `naive`, measured in turns."""
    times: dict[str, list[float]] = {"naive": [], method: []}
    for _ in range(repeats):
        for name, taken in times.items():
            taken.append(seconds(name, tokens, size=size, steps=steps))
    return statistics.median(times[method]) / statistics.median(times["naive"])


def main(arguments: Sequence[str] | None = None) -> None:
    others = [name for name in METHODS if name != "naive"]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=list(TINY), default="m")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--methods", nargs="+", choices=others, default=others, metavar="METHOD")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    size, steps, repeats = options.size, options.steps, options.repeats
    seconds("naive", ONE_PASS, size=size, steps=8)  # imports and allocations
    print(f"{'time / naive':24}" + "".join(f"{name:>8}" for name in TOKENS))
    for method in options.methods:
        found = [ratio(method, tokens, size=size, steps=steps, repeats=repeats) for tokens in TOKENS.values()]
        print(f"{method:24}" + "".join(f"{value:8.2f}" for value in found))


if __name__ == "__main__":
    main()
