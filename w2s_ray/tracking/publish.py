"""Records → run documents: what a sweep did, said in MLflow's words.

A sweep's run has arm runs, an arm's run has cell runs; stage runs are children of the sweep's, for arms share
stages. Parents are put before their children. Everything the report needs travels here: the report never sees
the store.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np

from w2s_ray.core.errors import CorruptRecord
from w2s_ray.core.graph import TRAININGS, CellStages, Stage, closure
from w2s_ray.core.identity import digest
from w2s_ray.core.record import Record
from w2s_ray.core.specs import Arm, Cell, MethodSpec
from w2s_ray.models.compute import pretraining_flops
from w2s_ray.store import Store
from w2s_ray.tracking import files, marks, names
from w2s_ray.tracking.analyses import analysis_metrics
from w2s_ray.tracking.runs import Point, Run, Status
from w2s_ray.tracking.scores import cell_metrics

_CURVE = {"loss": "loss", "select_accuracy": "accuracy/select", "test_accuracy": "accuracy/test"}


def sweep_id(sweep: str) -> str:
    return f"sweep/{sweep}"


def arm_id(sweep: str, arm: Arm) -> str:
    return f"arm/{sweep}/{digest([arm.weak, arm.strong, arm.method])[:12]}"


def cell_id(sweep: str, cell: Cell, stages: CellStages) -> str:
    """Aliases and identities: the same words over other stages are another cell."""
    made_of = [getattr(stages, role).identity for role in names.ROLES]
    return f"cell/{sweep}/{digest([cell.arm, cell.task, cell.seed, made_of])[:12]}"


def sweep_run(
    sweep: str,
    *,
    cells: Sequence[tuple[Cell, CellStages]],
    complete: bool,
    seconds: float,
    stages: Mapping[str, int],
    failures: Mapping[str, str] | None = None,
    versions: Mapping[str, Any] | None = None,
    running: bool = False,
) -> Run:
    """The sweep's run: its plan in canonical order, and how far it came.

    `stages` counts unique, reused, run and failed; `failures` maps stage keys to causes. Put it before the
    arms (with `running=True`) and again at the end.
    """
    arms = list(dict.fromkeys(arm_id(sweep, cell.arm) for cell, _ in cells))
    status: Status = "RUNNING" if running else "FINISHED" if complete else "FAILED"
    return Run(
        id=sweep_id(sweep),
        kind="sweep",
        name=sweep,
        tags={
            names.SWEEP: sweep,
            names.COMPLETE: str(complete).lower(),
            names.CELLS: " ".join(_short(cell_id(sweep, cell, its)) for cell, its in cells),
            names.ARMS: " ".join(_short(arm) for arm in arms),
            names.FAILURES: _json(failures or {}),
            names.VERSIONS: _json(versions or {}),
        },
        metrics={names.SECONDS: seconds}
        | {f"stages/{name}": float(stages[name]) for name in names.STAGE_COUNTS},
        status=status,
    )


def arm_run(sweep: str, arm: Arm) -> Run:
    """A pair and a method. Its aggregates are logged by the report."""
    return Run(
        id=arm_id(sweep, arm),
        kind="arm",
        name=arm.label,
        parent=sweep_id(sweep),
        tags={names.SWEEP: sweep} | _arm_tags(arm),
        params=_arm_params(arm),
    )


def cell_run(
    sweep: str,
    cell: Cell,
    stages: CellStages,
    records: Mapping[str, Record],
    store: Store,
    task_role: str = "held-out",
) -> Run:
    """One cell's numbers on test and tune rows. `records` is by stage key; `task_role` dev or held-out."""
    roles = {role: getattr(stages, role) for role in names.ROLES}
    found = {role: records[stage.key] for role, stage in roles.items()}
    split = records[stages.split.key]
    metrics: dict[str, float] = {}
    tags = {names.SWEEP: sweep, names.ARM: arm_id(sweep, cell.arm), names.TASK_ROLE: task_role}
    tags |= _arm_tags(cell.arm) | {names.tag(names.TASK): cell.task, names.tag(names.SEED): str(cell.seed)}
    tags |= {names.key_tag(role): stage.key for role, stage in roles.items()}
    tags |= {names.SPLIT_KEY: stages.split.key, names.TEST_SET: files.examples(store, split, "test").digest}
    tags |= {names.size_tag(role): str(_size(record)) for role, record in found.items() if _size(record)}
    tags |= _compute_tags(roles, found)
    tags |= marks.strong_model(stages)
    for name in names.EVALUATED:
        rows = files.examples(store, split, name)
        if rows.ids:
            p = {role: files.predictions(store, record, name, rows.ids) for role, record in found.items()}
            metrics_here, reason = cell_metrics(rows, p, name)
            metrics |= metrics_here
            if name == "test":
                metrics |= analysis_metrics(rows, p, files.curve(store, found["student"]))
            tags[f"{names.UNDEFINED}.{name}"] = reason
    tags[names.SICK] = _json(marks.cell_faults(cell, stages, records, store, metrics))
    return Run(
        id=cell_id(sweep, cell, stages),
        kind="cell",
        name=cell.label,
        parent=arm_id(sweep, cell.arm),
        tags=tags,
        params=_arm_params(cell.arm) | {names.TASK: cell.task, names.SEED: str(cell.seed)},
        metrics=metrics,
    )


def stage_run(sweep: str, stage: Stage, record: Record, store: Store, reused: bool) -> Run:
    """What one stage did, run here or found in the store.

    Trainings carry their test correctness, splits the truth it was measured by.
    """
    tags = {
        names.SWEEP: sweep,
        names.KEY: record.key,
        names.IDENTITY: record.identity,
        names.STAGE_KIND: stage.kind,
        names.LAYOUT: _json(record.layout),
        names.PROVENANCE: _json(record.provenance),
        names.FACTS: _json(record.facts),
        names.REUSED: str(reused).lower(),
    }
    points = []
    artifacts = {}
    if stage.kind == "split":
        tags[names.TEST_SET] = files.examples(store, record, "test").digest
        artifacts = truth_artifact(record, store)
    elif stage.kind in TRAININGS:
        split = _record(store, stage.inputs["split"])
        tags |= marks.correctness(store, record, split)
        rows = files.curve(store, record)
        points = [
            Point(name=shown, step=int(row["step"]), value=float(row[name]))
            for row in rows
            for name, shown in _CURVE.items()
            if row.get(name) is not None and np.isfinite(row[name])
        ]
        tags |= marks.course(rows)
        tags[names.SICK] = _json(marks.training_faults(store, record, split))
    elif stage.kind == "pretrain":
        tags[names.SICK] = _json(marks.pretrain_faults(record))
    return Run(
        id=f"stage/{record.key}",
        kind="stage",
        name=stage.label,
        parent=sweep_id(sweep),
        tags=tags,
        params=_stage_params(stage),
        metrics={**_finite(record.metrics), names.SECONDS: record.seconds},
        curve=tuple(points),
        artifacts=artifacts,
        time_ms=_time_ms(record),
    )


def truth_artifact(split: Record, store: Store) -> dict[str, bytes]:
    """{artifact path: labels and groups of the frozen test set}."""
    rows = files.examples(store, split, "test")
    body = {"labels": rows.labels.tolist(), "groups": rows.groups.tolist()}
    return {names.truth_path(rows.digest): json.dumps(body, separators=(",", ":")).encode()}


def _arm_tags(arm: Arm) -> dict[str, str]:
    words = {names.WEAK: arm.weak, names.STRONG: arm.strong, names.METHOD: arm.method.name}
    tags = {names.tag(word): value for word, value in words.items()}
    return tags | {names.METHOD_PARAMS: _json(arm.method.params)}


def _arm_params(arm: Arm) -> dict[str, str]:
    params = {names.WEAK: arm.weak, names.STRONG: arm.strong, names.METHOD: arm.method.name}
    return params | {names.param(name): _told(value) for name, value in arm.method.params.items()}


def _stage_params(stage: Stage) -> dict[str, str]:
    """What a person would search a stage by."""
    model, recipe, method = (stage.spec.get(word) for word in ("model", "recipe", "method"))
    params = {"seed": str(stage.spec.get("seed", "")), "half": str(stage.spec.get("half", ""))}
    params["model"] = model.label if model else ""
    params["method"] = method.label if method else ""
    params["task"] = next((each.spec["task"].name for each in closure([stage]) if each.kind == "split"), "")
    if recipe:
        params |= {name: str(getattr(recipe, name)) for name in ("lr", "epochs", "batch", "precision")}
    return {name: value for name, value in params.items() if value}


def _size(record: Record) -> int:
    size = record.facts.get("num_parameters")
    return int(size) if isinstance(size, int | float) and size > 0 else 0


def _compute_tags(roles: Mapping[str, Stage], records: Mapping[str, Record]) -> dict[str, str]:
    """FLOPs of pretraining by role; a model of unknown compute has no tag."""
    flops = {role: pretraining_flops(its.spec["model"], _size(records[role])) for role, its in roles.items()}
    return {names.compute_tag(role): f"{value:.6g}" for role, value in flops.items() if value}


def _record(store: Store, stage: Stage) -> Record:
    record = store.find(stage.key)
    if record is None:
        raise CorruptRecord(f"{stage.key}: its record is gone from the store; run the sweep again")
    return record


def _time_ms(record: Record) -> int:
    """A stage's run bears the time of its record, so that publishing it again says the same."""
    try:
        return int(datetime.fromisoformat(record.finished).timestamp() * 1000)
    except ValueError:
        return int(time.time() * 1000)


def _finite(metrics: Mapping[str, float]) -> dict[str, float]:
    return {name: float(value) for name, value in metrics.items() if np.isfinite(value)}


def _short(name: str) -> str:
    return name.rsplit("/", 1)[-1]


def _json(value: Mapping[str, Any] | Iterable[Any]) -> str:
    return json.dumps(value if isinstance(value, dict) else _plain(value), sort_keys=True, default=_encoded)


def _encoded(value: object) -> Any:
    """A method within a method as {"method": …, "params": …}; anything else by its words."""
    if isinstance(value, MethodSpec):
        return {"method": value.name, "params": dict(value.params)}
    return str(value)


def _told(value: object) -> str:
    return value.label if isinstance(value, MethodSpec) else str(value)


def _plain(value: Mapping[str, Any] | Iterable[Any]) -> Any:
    return dict(value) if isinstance(value, Mapping) else list(value)
