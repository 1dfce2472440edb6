"""A finished sweep without any training: real parquet files in a real store, drawn from known accuracies.

Every model answers an item right where its skill beats the item's difficulty, and a student's skill lies
between its supervisor's and the ceiling's. So the three roles are correlated as real ones are, and the
expected PGR is known.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from w2s_ray.core.graph import CellStages, Stage, closure, finetune_stage, pretrain_stage, split_stage
from w2s_ray.core.record import Record
from w2s_ray.core.specs import Arm, Cell, MethodSpec, ModelSpec, Source, TaskSpec, TrainSpec
from w2s_ray.store import Store

SKILL = {"xs": 0.70, "s": 0.80, "m": 0.93, "l": 0.99}
SIZE = {"xs": 17_000, "s": 90_000, "m": 600_000, "l": 3_000_000}
RECOVERED = {"naive": 0.35, "confidence": 0.7}
METHODS = (
    MethodSpec(name="naive", version=1),
    MethodSpec(name="confidence", version=1, params={"alpha": 0.5, "warmup": 0.2}),
)


@dataclass(frozen=True, kw_only=True)
class Synthetic:
    """The pieces that a sweep would hold at its end."""

    store: Store
    cells: list[tuple[Cell, CellStages]]
    records: dict[str, Record] = field(default_factory=dict)

    @property
    def stages(self) -> list[Stage]:
        return closure(stage for _, its in self.cells for stage in (its.weak, its.student, its.ceiling))


def synthetic_sweep(
    folder: Path,
    *,
    tasks: tuple[str, ...] = ("review", "agree"),
    pairs: tuple[tuple[str, str], ...] = (("xs", "m"), ("xs", "l")),
    methods: tuple[MethodSpec, ...] = METHODS,
    seeds: tuple[int, ...] = (0, 1, 2),
    num_test: int = 400,
    flat: tuple[str, ...] = (),
    control: bool = False,
) -> Synthetic:
    """Commit every stage. On tasks in `flat` the ceiling is no better than the supervisor.

    `control` adds the pair xs → l-scratch, whose student was not pretrained and learns little. The rung m is
    said not to hold the concept of the first task.
    """
    store = Store(folder)
    arms = [Arm(weak=w, strong=s, method=m) for w, s in pairs for m in methods]
    if control:
        arms.append(Arm(weak="xs", strong="l-scratch", method=methods[0]))
    cells = [
        (Cell(arm=arm, task=task, seed=seed), _stages(arm, task, seed))
        for arm in arms
        for task in tasks
        for seed in seeds
    ]
    sweep = Synthetic(store=store, cells=cells)
    for stage in sweep.stages:
        sweep.records[stage.key] = _commit(store, stage, num_test, flat, doubted=tasks[0])
    return sweep


def publish(sweep: Synthetic, tracker: Any, name: str = "synthetic", *, cells: int | None = None) -> None:
    """What the sweep does at its end (or in the middle of it, with only the first `cells` finished)."""
    from w2s_ray.tracking import arm_run, cell_run, stage_run, sweep_run

    counts = {"unique": len(sweep.stages), "reused": 0, "run": len(sweep.stages), "failed": 0}
    whole = cells is None or cells >= len(sweep.cells)
    final = sweep_run(
        name,
        cells=sweep.cells,
        complete=whole,
        seconds=12.5,
        stages=counts,
        versions={"w2s_ray": "0.1.0"},
    )
    tracker.put(final)
    for arm in dict.fromkeys(cell.arm.label for cell, _ in sweep.cells):
        tracker.put(arm_run(name, next(cell.arm for cell, _ in sweep.cells if cell.arm.label == arm)))
    for stage in closure(
        stage for _, its in sweep.cells[:cells] for stage in (its.weak, its.student, its.ceiling)
    ):
        tracker.put(stage_run(name, stage, sweep.records[stage.key], sweep.store, False))
    for cell, its in sweep.cells[:cells]:
        tracker.put(cell_run(name, cell, its, sweep.records, sweep.store, "dev"))


def _stages(arm: Arm, task: str, seed: int) -> CellStages:
    spec = TaskSpec(
        name=task,
        version=1,
        source=Source(kind="world", name=task, version=1),
        half=200,
        validation=80,
        test=400,
    )
    split = split_stage(spec, seed)
    weak = _finetune(arm.weak, split, seed, half="weak")
    student = _finetune(arm.strong, split, seed, half="transfer", method=arm.method, labels=weak)
    return CellStages(
        split=split, weak=weak, student=student, ceiling=_finetune(arm.strong, split, seed, half="transfer")
    )


def _finetune(name: str, split: Stage, seed: int, **more: Any) -> Stage:
    size, _, scratch = name.partition("-")
    source = Source(kind="world", name=size, version=1)
    model = ModelSpec(family="tiny", source=source, pretrained=not scratch)
    base = None if scratch else pretrain_stage(model, 0)
    return finetune_stage(model=model, recipe=TrainSpec(), seed=seed, split=split, base=base, **more)


def _commit(store: Store, stage: Stage, num_test: int, flat: tuple[str, ...], doubted: str) -> Record:
    with store.building(stage.key) as attempt:
        metrics: dict[str, float] = {}
        facts: dict[str, Any] = {}
        if stage.kind == "split":
            pq.write_table(_examples(stage, num_test), attempt.path / "examples.parquet")
        elif stage.kind == "finetune":
            metrics = _predict(stage, attempt.path, num_test, flat)
            facts = {"num_parameters": SIZE[stage.spec["model"].source.name]}
        else:
            (attempt.path / "weights.txt").write_text("none")
            facts = {
                "faults": {doubted: ["zero-shot is low"]} if stage.spec["model"].source.name == "m" else {}
            }
        record = Record(
            key=stage.key, identity=stage.identity, attempt="", files={}, metrics=metrics, facts=facts,
            layout={"device": "cpu", "threads": 1}, provenance={"w2s_ray": "0.1.0"}, seconds=1.5,
            finished="2026-01-01T00:00:00+00:00",
        )  # fmt: skip
        return store.commit(attempt, record)


def _rows(task: str, num_test: int) -> tuple[list[str], list[str], np.ndarray, np.ndarray]:
    """Ids, splits, labels and difficulties: equal for every seed of a task."""
    rng = np.random.default_rng(zlib.crc32(task.encode()))
    splits = ["test"] * num_test + ["tune"] * 80 + ["select"] * 40 + ["transfer"] * 20
    ids = [f"{task}-{n:05d}" for n in range(len(splits))]
    return ids, splits, rng.integers(2, size=len(ids)), rng.random(len(ids))


def _examples(stage: Stage, num_test: int) -> pa.Table:
    ids, splits, labels, _ = _rows(stage.spec["task"].name, num_test)
    return pa.table(
        {
            "id": ids,
            "group": [f"g{n // 2}" for n in range(len(ids))],
            "split": splits,
            "label": pa.array(labels, pa.int32()),
            "context": [[] for _ in ids],
            "text": [[name] for name in ids],
        }
    )


def _predict(stage: Stage, path: Path, num_test: int, flat: tuple[str, ...]) -> dict[str, float]:
    task = stage.inputs["split"].spec["task"].name
    ids, splits, labels, difficulty = _rows(task, num_test)
    right = difficulty < _skill(stage, task in flat)
    rng = np.random.default_rng(int(stage.identity[:8], 16))
    right ^= rng.random(len(ids)) < 0.03
    p_true = np.where(right, 0.55 + 0.4 * rng.random(len(ids)), 0.45 * rng.random(len(ids)))
    p = np.stack(
        [np.where(labels == 0, p_true, 1 - p_true), np.where(labels == 1, p_true, 1 - p_true)], axis=1
    )
    values = pa.FixedSizeListArray.from_arrays(pa.array(p.astype(np.float32).ravel()), 2)
    table = pa.table({"id": ids, "split": splits, "p": values}).sort_by(
        [("split", "ascending"), ("id", "ascending")]
    )
    pq.write_table(table, path / "predictions.parquet")
    steps = list(range(0, 80, 4))
    losses = [0.7 * 0.97**step for step in steps]
    test = [None] * (len(steps) - 1) + [float(np.mean(right[:num_test]))]
    curve = {"step": steps, "loss": losses, "select_accuracy": test, "test_accuracy": test}
    pq.write_table(pa.table(curve), path / "curve.parquet")
    return {"accuracy/test": float(np.mean(right[:num_test])), "loss/last": losses[-1]}


def _skill(stage: Stage, flat: bool) -> float:
    own = SKILL[stage.spec["model"].source.name] + 0.01 * (stage.spec["seed"] % 3)
    weakest = SKILL["xs"]
    if not stage.spec["model"].pretrained:
        return weakest - 0.15
    if flat:
        return weakest
    if stage.spec["method"] is None:
        return own
    supervisor = SKILL[stage.inputs["labels"].spec["model"].source.name]
    return supervisor + RECOVERED.get(stage.spec["method"].name, 0.5) * (own - supervisor)
