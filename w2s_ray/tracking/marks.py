"""What is marked on stages and cells: which test items were right, and what looks sick."""

from __future__ import annotations

from collections.abc import Mapping

from w2s_ray.core.record import Record
from w2s_ray.metrics import health
from w2s_ray.store import Store
from w2s_ray.tracking import bits, files, names


def correctness(store: Store, record: Record, split: Record) -> dict[str, str]:
    """Tags: the bitset of test correctness of a finetune, its length and the name of the test set."""
    rows = files.examples(store, split, "test")
    right_N = files.probabilities(store, record, "test", rows.ids).argmax(axis=1) == rows.labels
    return {
        names.CORRECT: bits.to_text(right_N),
        names.TEST_SET: rows.digest,
        names.NUM_TEST: str(len(right_N)),
    }


def cell_faults(
    metrics: Mapping[str, float], found: Mapping[str, Record], store: Store, split: Record
) -> list[str]:
    """Sentences about a cell: its three roles (`found`), its supervisor's gate, ceiling against weak."""
    faults = [
        f"{role}: {fault}"
        for role, record in found.items()
        for fault in training_faults(store, record, split)
    ]
    tune = files.examples(store, split, "tune")
    validation = metrics.get(names.metric("accuracy", "weak", "tune"))
    faults += health.supervisor_faults(validation, len(tune.ids), health.majority_share(tune.labels))
    weak, ceiling = (metrics.get(names.metric("accuracy", role, "test")) for role in ("weak", "ceiling"))
    if weak is not None and ceiling is not None:
        faults += health.ceiling_faults(weak, ceiling)
    return faults


def training_faults(store: Store, record: Record, split: Record) -> list[str]:
    """Sentences about one finetune: its test predictions and its training loss."""
    rows = files.examples(store, split, "test")
    predicted_N = files.probabilities(store, record, "test", rows.ids).argmax(axis=1)
    losses = [row["loss"] for row in files.curve(store, record) if row.get("loss") is not None]
    return [*health.prediction_faults(predicted_N, rows.labels), *health.loss_faults(losses)]
