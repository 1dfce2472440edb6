"""What a coupled method costs beside `naive`: where a batch fits one forward pass, and where it needs two.

    python -m bench.coupled [--steps 40] [--repeats 5]

The trainings alternate, so that whatever else the machine does falls on both; prints ratios of medians.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence

import torch

from bench.invariance import EIGHT_ROWS, ONE_PASS, make_engine, make_lesson
from w2s_ray.core.specs import Layout
from w2s_ray.training.loop import train
from w2s_ray.training.worker import Worker

BUDGETS = {"1×32, its own forward pass": ONE_PASS, "4×8, a first pass without gradients": EIGHT_ROWS}


def seconds(method: str, budget: int, steps: int) -> float:
    """Process time of one training."""
    lesson = make_lesson(method, budget, steps=steps)
    engine = make_engine(lesson.recipe, Layout(), Worker())
    started = time.process_time()
    train(engine, lesson, evaluate=lambda: (0.0, 0.0))
    return time.process_time() - started


def ratio(budget: int, steps: int, repeats: int) -> float:
    """Median time of `confidence` over that of `naive`, measured in turns."""
    times: dict[str, list[float]] = {"naive": [], "confidence": []}
    for _ in range(repeats):
        for method, taken in times.items():
            taken.append(seconds(method, budget, steps))
    return statistics.median(times["confidence"]) / statistics.median(times["naive"])


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    seconds("naive", ONE_PASS, 8)  # imports and allocations
    for name, budget in BUDGETS.items():
        print(f"{name:38} confidence / naive = {ratio(budget, options.steps, options.repeats):.2f}")


if __name__ == "__main__":
    main()
