"""`examples.parquet`: the examples of a split stage, and the only place that knows the file's columns."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

FILE = "examples.parquet"


def example_id(inputs: Sequence[str]) -> str:
    """16 hex digits of the sha256 of an example's full inputs (context + text of each)."""
    return hashlib.sha256(json.dumps(list(inputs)).encode()).hexdigest()[:16]


def text_code(text: str) -> int:
    """A number for a text answer, equal for equal texts but for outer spaces: 48 bits of its sha256."""
    return int.from_bytes(hashlib.sha256(text.strip().encode()).digest()[:6])


@dataclass(frozen=True, kw_only=True, eq=False)
class Examples:
    """Examples in file order: by split, then by id. All sequences have one entry an example.

    `contexts` and `texts` hold one string for each text of an example (one, or two if pairwise); `labels` is
    int32 [examples]. `targets` are the answers of a task whose answers are texts, and empty for any other.
    """

    ids: tuple[str, ...]
    groups: tuple[str, ...]
    splits: tuple[str, ...]
    labels: np.ndarray
    contexts: tuple[tuple[str, ...], ...]
    texts: tuple[tuple[str, ...], ...]
    targets: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.ids)

    def __add__(self, more: Examples) -> Examples:
        import numpy as np

        return Examples(
            ids=self.ids + more.ids,
            groups=self.groups + more.groups,
            splits=self.splits + more.splits,
            labels=np.concatenate([self.labels, more.labels]),
            contexts=self.contexts + more.contexts,
            texts=self.texts + more.texts,
            targets=self.targets + more.targets,
        )

    def by_id(self, ids: Sequence[str]) -> Examples:
        """These examples, in this order; KeyError where there is no such one."""
        row_of = {name: row for row, name in enumerate(self.ids)}
        return self.take([row_of[name] for name in ids])

    def where(self, *splits: str) -> Examples:
        """The examples of these splits, in file order."""
        return self.take([index for index, split in enumerate(self.splits) if split in splits])

    def take(self, rows: Sequence[int]) -> Examples:
        """The examples at these positions, in their order."""
        return Examples(
            ids=tuple(self.ids[row] for row in rows),
            groups=tuple(self.groups[row] for row in rows),
            splits=tuple(self.splits[row] for row in rows),
            labels=self.labels[list(rows)],
            contexts=tuple(self.contexts[row] for row in rows),
            texts=tuple(self.texts[row] for row in rows),
            targets=tuple(self.targets[row] for row in rows) if self.targets else (),
        )

    @cached_property
    def answers(self) -> np.ndarray:
        """The right answer of each example as a number, int64 [examples]: its class, or its text's code."""
        import numpy as np

        codes = [text_code(text) for text in self.targets] if self.targets else self.labels
        return np.asarray(codes, dtype=np.int64)

    @cached_property
    def truth(self) -> Mapping[str, int]:
        """The true class of each example by its id."""
        return dict(zip(self.ids, self.labels.tolist(), strict=True))


def read_examples(folder: Path) -> Examples:
    """The examples that a split stage left in `folder`."""
    import numpy as np
    import pyarrow.parquet as pq

    columns: dict[str, list[Any]] = pq.read_table(Path(folder) / FILE).to_pydict()
    return Examples(
        ids=tuple(columns["id"]),
        groups=tuple(columns["group"]),
        splits=tuple(columns["split"]),
        labels=np.asarray(columns["label"], dtype=np.int32),
        contexts=tuple(map(tuple, columns["context"])),
        texts=tuple(map(tuple, columns["text"])),
        targets=tuple(columns.get("target", ())),
    )


def write_examples(folder: Path, examples: Examples) -> None:
    """Write `examples.parquet` into `folder`; equal examples give equal bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    texts = pa.list_(pa.string())
    columns: dict[str, tuple[Any, Iterable[object]]] = {
        "id": (pa.string(), examples.ids),
        "group": (pa.string(), examples.groups),
        "split": (pa.string(), examples.splits),
        "label": (pa.int32(), examples.labels),
        "context": (texts, examples.contexts),
        "text": (texts, examples.texts),
    }
    if examples.targets:
        columns["target"] = (pa.string(), examples.targets)
    arrays = [pa.array(list(values), type=kind) for kind, values in columns.values()]
    schema = pa.schema([(name, kind) for name, (kind, _) in columns.items()])
    pq.write_table(pa.table(arrays, schema=schema), Path(folder) / FILE)
