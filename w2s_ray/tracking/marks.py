"""What is marked on stages and cells: which test items were right and how surely, and what looks sick."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from w2s_ray.core.graph import CellStages, Stage, closure, pretraining_of
from w2s_ray.core.identity import digest
from w2s_ray.core.record import Record
from w2s_ray.core.specs import Cell
from w2s_ray.metrics import health
from w2s_ray.metrics.calibration import confidence_histogram
from w2s_ray.store import Store
from w2s_ray.tracking import bits, files, names


def correctness(store: Store, record: Record, split: Record) -> dict[str, str]:
    """Tags: the bitset of test correctness of a training, its length, the name of the test set, the confidences."""
    rows = files.examples(store, split, "test")
    found = files.predictions(store, record, "test", rows.ids)
    right_N = found.answers == rows.labels
    tags = {
        names.CORRECT: bits.to_text(right_N),
        names.TEST_SET: rows.digest,
        names.NUM_TEST: str(len(right_N)),
    }
    if np.isfinite(found.p_NC).all():
        tags[names.CONFIDENCE] = json.dumps(asdict(confidence_histogram(found.p_NC.max(-1), right_N)))
    return tags


def course(curve: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Tag: the accuracies of a training at its steps, where they were measured at two at least."""
    words = ("step", "select_accuracy", "test_accuracy")
    points = [[row.get(word) for word in words] for row in curve]
    known = [point for point in points if all(value is not None and np.isfinite(value) for value in point)]
    return {names.CURVE: json.dumps(known)} if len(known) > 1 else {}


def strong_model(stages: CellStages) -> dict[str, str]:
    """Tags: where the strong model's weights come from, and whether it is a control."""
    pretrained_here = any(stage.kind == "pretrain" for stage in closure([stages.student]))
    tags = {
        names.PRETRAINED_HERE: str(pretrained_here).lower(),
        names.CONTROL: str(is_control(stages)).lower(),
        names.CHECKPOINT: checkpoint(stages),
    }
    features = stages.student.inputs.get("features")
    base = features.inputs.get("base") if features else None
    return tags | ({names.PROBED_KEY: base.key} if base and base.kind == "finetune" else {})


def checkpoint(stages: CellStages) -> str:
    """12 hex digits of the strong model's weights: equal for a probe, adapters and full finetuning of them.

    A model that reads the task's texts first began with the same weights, too.
    """
    model = replace(stages.ceiling.spec["model"].backbone, adapt=None)
    base = pretraining_of(stages.ceiling)
    return digest([model, base.identity if base else None])[:12]


def is_control(stages: CellStages) -> bool:
    """Whether the student's model was not pretrained, so that there is nothing latent to elicit."""
    return not stages.student.spec["model"].pretrained


def cell_faults(
    cell: Cell,
    stages: CellStages,
    records: Mapping[str, Record],
    store: Store,
    metrics: Mapping[str, float],
) -> list[str]:
    """Sentences about a cell: its models' pretraining, its three roles, its supervisor's gate, its ceiling.

    A control's ceiling is expected below the supervisor, so that is no fault there.
    """
    split = records[stages.split.key]
    faults = [
        *base_faults(cell.arm.weak, stages.weak, records),
        *base_faults(cell.arm.strong, stages.student, records),
    ]
    faults += [
        f"{role}: {fault}"
        for role in names.ROLES
        for fault in training_faults(store, records[getattr(stages, role).key], split)
    ]
    faults += supervisor_faults(store, records[stages.weak.key], split)
    faults += copy_faults(store, records[stages.student.key], records[stages.weak.key], split)
    weak, ceiling = (metrics.get(names.metric("accuracy", role, "test")) for role in ("weak", "ceiling"))
    if weak is not None and ceiling is not None and not is_control(stages):
        faults += health.ceiling_faults(weak, ceiling)
    return faults


def base_faults(name: str, training: Stage, records: Mapping[str, Record]) -> list[str]:
    """What the pretraining of a model, called `name` in the sweep, says of it on this stage's task."""
    base = pretraining_of(training)
    split = training.inputs["split"]
    record = records.get(base.key) if base else None
    found = record.facts.get("faults", {}) if record else {}
    return [f"{name}: {fault}" for fault in found.get(split.spec["task"].name, ())]


def pretrain_faults(record: Record) -> list[str]:
    """All that a pretraining says of itself, each sentence once."""
    return list(
        dict.fromkeys(fault for faults in record.facts.get("faults", {}).values() for fault in faults)
    )


def supervisor_faults(store: Store, record: Record, split: Record) -> list[str]:
    """The supervisor's gate, on the truth of all validation rows: `select` and `tune` together."""
    right, labels, num_classes = [], [], 0
    for name in ("select", "tune"):
        rows = files.examples(store, split, name)
        if rows.ids:
            found = files.predictions(store, record, name, rows.ids)
            right.append(found.answers == rows.labels)
            labels.append(rows.labels)
            num_classes = found.p_NC.shape[1]
    if not labels:
        return []
    return list(health.supervisor_faults(np.concatenate(right), np.concatenate(labels), num_classes))


def training_faults(store: Store, record: Record, split: Record) -> list[str]:
    """Sentences about one training: its test predictions and its training loss."""
    rows = files.examples(store, split, "test")
    found = files.predictions(store, record, "test", rows.ids)
    losses = [row["loss"] for row in files.curve(store, record) if row.get("loss") is not None]
    return [
        *health.prediction_faults(found.answers, rows.labels, found.texts),
        *health.loss_faults(losses),
    ]


def copy_faults(store: Store, student: Record, weak: Record, split: Record) -> list[str]:
    """Sentences about a student's test answers beside its supervisor's."""
    rows = files.examples(store, split, "test")
    student_N, weak_N = (files.predictions(store, each, "test", rows.ids).answers for each in (student, weak))
    return list(health.copy_faults(student_N, weak_N, rows.labels))
