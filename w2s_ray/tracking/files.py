"""Read what stages left behind, as arrays: test labels and groups of a split, predictions of a finetune.

Rows of predictions and examples meet by id, never by position.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from w2s_ray.core.errors import CorruptRecord, DataError
from w2s_ray.core.identity import digest
from w2s_ray.core.record import Record
from w2s_ray.store import Store

if TYPE_CHECKING:
    from w2s_ray.stages.predictions import Predictions


@dataclass(frozen=True, kw_only=True)
class Examples:
    """One split of a task in frozen id order: ids, right answers as numbers, and codes of the groups, [rows] each.

    An answer is the number of a class, or a text's code (tasks.examples.text_code).
    """

    ids: tuple[str, ...]
    labels: NDArray[np.int64]
    groups: NDArray[np.int64]

    @property
    def digest(self) -> str:
        """12 hex digits that name this set of examples."""
        return digest(list(self.ids))[:12]


@dataclass(frozen=True)
class _Handle:
    """A cache key: one committed attempt of one stage."""

    key: str
    attempt: str
    record: Record = field(compare=False)


def examples(store: Store, record: Record, split: str) -> Examples:
    """The examples of `split` ("test", "tune", …), sorted by id."""
    return _examples(store, _handle(record), split)


def predictions(store: Store, record: Record, split: str, ids: tuple[str, ...]) -> Predictions:
    """A stage's predictions of exactly these ids, in their order; CorruptRecord where some are missing."""
    found = _predictions(store, _handle(record), split)
    if found.ids == ids:
        return found
    try:
        return found.by_id(ids)
    except DataError as error:
        raise CorruptRecord(f"{record.key}: {split}: {error}") from None


def curve(store: Store, record: Record) -> list[dict[str, Any]]:
    """Rows of curve.parquet: step, loss, select_accuracy, test_accuracy; empty where there is none."""
    return _curve(store, _handle(record)) if "curve.parquet" in record.files else []


def _handle(record: Record) -> _Handle:
    return _Handle(record.key, record.attempt, record)


@lru_cache(maxsize=256)
def _examples(store: Store, handle: _Handle, split: str) -> Examples:
    from w2s_ray.tasks.examples import read_examples

    found = read_examples(store.open(handle.record)).where(split)
    found = found.take(sorted(range(len(found)), key=lambda row: found.ids[row]))
    _, groups = np.unique(np.asarray(found.groups, dtype=str), return_inverse=True)
    return Examples(ids=found.ids, labels=found.answers, groups=groups)


@lru_cache(maxsize=256)
def _predictions(store: Store, handle: _Handle, split: str) -> Predictions:
    from w2s_ray.stages.predictions import read_predictions

    return read_predictions(store.open(handle.record)).where(split)


@lru_cache(maxsize=256)
def _curve(store: Store, handle: _Handle) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    rows: list[dict[str, Any]] = pq.read_table(store.open(handle.record) / "curve.parquet").to_pylist()
    return rows
