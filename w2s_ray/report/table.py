"""The two tables a sweep leaves for other programs: `cells.csv` and `aggregate.json`."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from w2s_ray.metrics.recovery import Aggregates
from w2s_ray.report.results import ArmResult

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = 1
ROLES = ("weak", "student", "ceiling")
SPLITS = ("test", "tune")
_AGREEMENT = {"all": "agreement", "weak_right": "agreement_weak_right", "weak_wrong": "agreement_weak_wrong"}
COLUMNS = (
    "weak", "strong", "method", "params", "task", "task_role", "seed", "split",
    "accuracy_weak", "accuracy_student", "accuracy_ceiling",
    "auroc_weak", "auroc_student", "auroc_ceiling",
    "gap", "gain", "pgr", "undefined", "agreement", "agreement_weak_right", "agreement_weak_wrong",
    "key_split", "key_weak", "key_student", "key_ceiling", "control", "sick",
)  # fmt: skip


def cells_csv(cells: pd.DataFrame) -> str:
    """A row per arm, task, seed and evaluated split; an undefined number is an empty field."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for cell in cells.to_dict("records"):
        for split in SPLITS:
            if _number(cell.get(f"accuracy/weak/{split}")) is not None:
                writer.writerow(_row(cell, split))
    return out.getvalue()


def aggregate(
    sweep: Mapping[str, Any], arms: Sequence[ArmResult], *, level: float, warnings: Sequence[str] = ()
) -> dict[str, Any]:
    """The content of `aggregate.json`: see `SCHEMA`; undefined numbers are None.

    `accuracy` are means over tasks of means over seeds, and `pooled` is their PGR; `interval` is that of
    `ratio_of_means`, for these tasks. Where both dev and held-out tasks took part, `pgr.by_role` has both.
    `sick` counts cells, and `warnings` are what a reader must know of them.
    """
    return {
        "schema": SCHEMA,
        "sweep": sweep["name"],
        "complete": sweep["complete"],
        "seconds": sweep["seconds"],
        "stages": dict(sweep["stages"]),
        "arms": [_arm(arm, level) for arm in arms],
        "warnings": list(warnings),
    }


def _arm(arm: ArmResult, level: float) -> dict[str, Any]:
    interval = [arm.interval.low, arm.interval.high] if arm.interval else None
    pgr: dict[str, Any] = {**_three(arm.numbers), "interval": interval, "level": level}
    if len(arm.by_role) > 1:
        pgr["by_role"] = {role: _three(numbers) for role, numbers in arm.by_role.items()}
    return {
        "weak": arm.weak,
        "strong": arm.strong,
        "method": arm.method,
        "params": dict(arm.params),
        "tasks": [task.mean.task for task in arm.tasks],
        "seeds": sorted({seed for task in arm.tasks for seed in task.seeds}),
        "cells": arm.num_cells,
        "undefined": arm.num_undefined,
        "sick": arm.num_sick,
        "control": arm.control,
        "accuracy": arm.accuracy,
        "pgr": pgr,
    }


def _three(numbers: Aggregates) -> dict[str, float | None]:
    return {"median": numbers.median, "ratio_of_means": numbers.ratio_of_means, "pooled": numbers.pooled}


def _row(cell: Mapping[str, Any], split: str) -> dict[str, Any]:
    row = {name: cell[name] for name in ("weak", "strong", "method", "task", "seed")}
    row |= {"params": json.dumps(cell["params"], sort_keys=True), "task_role": cell["role"], "split": split}
    for measure in ("accuracy", "auroc"):
        row |= {f"{measure}_{role}": _number(cell.get(f"{measure}/{role}/{split}")) for role in ROLES}
    row |= {name: _number(cell.get(f"{name}/{split}")) for name in ("gap", "gain", "pgr")}
    row |= {shown: _number(cell.get(f"agreement/{name}/{split}")) for name, shown in _AGREEMENT.items()}
    row |= {f"key_{role}": cell[f"{role}_key"] for role in ("split", *ROLES)}
    row |= {"undefined": cell[f"undefined/{split}"], "control": str(cell["control"]).lower()}
    return row | {"sick": "; ".join(cell["sick"])}


def _number(value: Any) -> float | None:
    return None if value is None or value != value else float(value)
