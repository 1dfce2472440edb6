"""What the statistics of a report cost: seconds, peak memory, and how both grow with arms.

    python -m bench.draws [ARMS ...]

Prints a line per number of arms: 22 tasks, 5 seeds, 2,000 test items, 10,000 draws; from tables as an
experiment gives them, through every aggregate, both readings, comparisons and trends. The budget is 20 s and
2 GB for 30 arms.
"""

from __future__ import annotations

import resource
import sys
import time

import numpy as np
import pandas as pd

from w2s_ray.metrics.agreement import agreement
from w2s_ray.metrics.recovery import recovery
from w2s_ray.report.statistics import sweep_results

ARMS = (10, 30, 90)
TASKS, SEEDS, ITEMS, DRAWS = 22, 5, 2_000, 10_000
METHODS = 5  # of a pair
SIZES = {f"m{n}": 10.0 ** (7 + n) for n in range(24)}
SICK = 0.02  # share of cells


def tables(num_arms: int) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Arms, cells and stages of a sweep; each role's training is shared as a real sweep shares it."""
    rng = np.random.default_rng(0)
    arms, cells, correct = [], [], {}
    for number in range(num_arms):
        pair, method = divmod(number, METHODS)
        weak, strong = f"m{pair % 3}", f"m{3 + pair}"
        arm = {
            "id": f"a{number}",
            "weak": weak,
            "strong": strong,
            "method": ("naive", "confidence", "product", "entropy", "window")[method],
            "params": {},
        }
        arms.append(arm)
        for task in range(TASKS):
            for seed in range(SEEDS):
                place = f"t{task}-s{seed}"
                keys = {
                    "weak": f"{weak}-{place}",
                    "ceiling": f"{strong}-truth-{place}",
                    "student": f"a{number}-{place}",
                }
                skills = {"weak": 0.65, "ceiling": 0.9, "student": 0.7 + 0.02 * method}
                for role, key in keys.items():
                    if key not in correct:
                        correct[key] = rng.random(ITEMS) < skills[role]
                cells.append(_cell(arm, task, seed, keys, correct, sick=rng.random() < SICK))
    stages = [{"key": key, "correct": right} for key, right in correct.items()]
    return pd.DataFrame(arms), pd.DataFrame(cells), pd.DataFrame(stages)


def _cell(arm, task, seed, keys, correct, *, sick):  # type: ignore[no-untyped-def]
    right = {role: correct[key] for role, key in keys.items()}
    found = recovery(*(float(right[role].mean()) for role in ("weak", "student", "ceiling")))
    agreed = agreement(right["student"].astype(int), right["weak"].astype(int), np.ones(ITEMS, int))
    return {
        "arm": arm["id"], "task": f"t{task}", "seed": seed, "role": "dev" if task < 8 else "held-out",
        "test_set": f"test{task}", "sick": ["near-majority"] if sick else [], "control": False,
        "weak_compute": SIZES[arm["weak"]], "student_compute": SIZES[arm["strong"]],
        "undefined/test": found.undefined, "gap_se/test": 0.01,
        **{f"{role}_key": key for role, key in keys.items()},
        **{f"{name}/{role}/test": getattr(found, role) for role in right for name in ("accuracy", "auroc")},
        **{f"agreement/{where}/test": getattr(agreed, where) for where in ("all", "weak_right", "weak_wrong")},
    }  # fmt: skip


def main(sizes: tuple[int, ...]) -> None:
    groups = np.arange(ITEMS)  # each for itself: the most there can be
    before: tuple[int, float] | None = None
    for num_arms in sizes:
        arms, cells, stages = tables(num_arms)
        wall, cpu = time.perf_counter(), time.process_time()
        found = sweep_results(arms, cells, stages, lambda _: groups, level=0.95, draws=DRAWS)
        seconds, cpu = time.perf_counter() - wall, time.process_time() - cpu
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        growth = (
            f"   {seconds / before[1]:.1f} times for {num_arms / before[0]:.1f} times the arms"
            if before
            else ""
        )
        first = found.arms[0].readings["accuracy"]["all"].ratio_of_means
        print(f"{num_arms:4} arms   {seconds:6.1f} s ({cpu:.1f} s of processors)   peak {peak:.2f} GB{growth}   "
              f"{first.value:.3f} in {first.these.low:.3f} … {first.these.high:.3f}", flush=True)  # fmt: skip
        before = num_arms, seconds


if __name__ == "__main__":
    main(tuple(map(int, sys.argv[1:])) or ARMS)
