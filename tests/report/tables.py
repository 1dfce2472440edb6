"""Tidy tables of a made-up sweep, as an experiment gives them: known skills, real items, nothing of MLflow."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from w2s_ray.metrics.agreement import agreement
from w2s_ray.metrics.recovery import recovery

SKILL = {"xs": 0.6, "s": 0.7, "m": 0.9, "l": 0.95}
FLOPS = {"xs": 1e9, "s": 1e10, "m": 1e11, "l": 1e12}
RECOVERED = {"naive": 0.4, "confidence": 0.7}
NUM_ITEMS = 400
GROUPS = np.arange(NUM_ITEMS) // 2


@dataclass
class Sweep:
    """Rows that a test may change before it asks for `tables`."""

    arms: list[dict[str, Any]] = field(default_factory=list)
    cells: list[dict[str, Any]] = field(default_factory=list)
    correct: dict[str, np.ndarray] = field(default_factory=dict)

    def tables(self) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
        stages = [{"key": key, "correct": right} for key, right in self.correct.items()]
        return pd.DataFrame(self.arms), pd.DataFrame(self.cells), pd.DataFrame(stages)

    def of(self, arm: str) -> list[dict[str, Any]]:
        return [cell for cell in self.cells if cell["arm"] == arm]


def made_up(
    *,
    pairs: tuple[tuple[str, str], ...] = (("xs", "l"),),
    methods: tuple[str, ...] = ("naive", "confidence"),
    tasks: tuple[str, ...] = ("a", "b", "c"),
    seeds: tuple[int, ...] = (0, 1, 2),
    flat: tuple[str, ...] = (),
    held_out: tuple[str, ...] = (),
) -> Sweep:
    """An arm per pair and method; on `flat` tasks the ceiling is no better than the supervisor."""
    sweep = Sweep()
    for weak, strong in pairs:
        for method in methods:
            arm = {"id": f"{weak}-{strong}-{method}", "weak": weak, "strong": strong, "method": method}
            sweep.arms.append(arm | {"params": {}})
            for task in tasks:
                for seed in seeds:
                    role = "held-out" if task in held_out else "dev"
                    sweep.cells.append(_cell(sweep, arm, task, seed, role, flat=task in flat))
    return sweep


def _cell(
    sweep: Sweep, arm: dict[str, str], task: str, seed: int, role: str, *, flat: bool
) -> dict[str, Any]:
    weak, top = SKILL[arm["weak"]], SKILL[arm["weak"]] if flat else SKILL[arm["strong"]]
    skills = {"weak": weak, "student": weak + RECOVERED[arm["method"]] * (top - weak), "ceiling": top}
    keys = {
        "weak": f"{arm['weak']}-{task}-{seed}",
        "student": f"{arm['id']}-{task}-{seed}",
        "ceiling": f"{arm['strong']}-truth-{task}-{seed}",
    }
    for name, key in keys.items():
        sweep.correct.setdefault(key, _answers(key, task, skills[name]))
    right = {name: sweep.correct[key] for name, key in keys.items()}
    found = recovery(*(float(right[name].mean()) for name in ("weak", "student", "ceiling")), 0.02)
    agreed = agreement(right["student"].astype(int), right["weak"].astype(int), np.ones(NUM_ITEMS, int))
    row = {"arm": arm["id"], "task": task, "seed": seed, "role": role, "test_set": f"test-{task}", "sick": []}
    row |= {"control": False, "undefined/test": found.undefined, "gap_se/test": 0.02}
    for name in right:
        row |= {f"{name}_key": keys[name], f"accuracy/{name}/test": getattr(found, name)}
        row |= {f"auroc/{name}/test": (1 + getattr(found, name)) / 2}
        model = arm["weak"] if name == "weak" else arm["strong"]
        row |= {f"{name}_compute": FLOPS[model], f"{name}_parameters": int(np.sqrt(FLOPS[model]))}
    return row | {
        f"agreement/{where}/test": getattr(agreed, where) for where in ("all", "weak_right", "weak_wrong")
    }


def _answers(key: str, task: str, skill: float) -> np.ndarray:
    """Right where skill beats the item's difficulty, but for a few slips of this training's own."""
    difficulty = np.random.default_rng(zlib.crc32(task.encode())).random(NUM_ITEMS)
    rng = np.random.default_rng(zlib.crc32(key.encode()))
    mood = 0.02 * rng.normal()
    found: np.ndarray = (difficulty < skill + mood) ^ (rng.random(NUM_ITEMS) < 0.03)
    return found
