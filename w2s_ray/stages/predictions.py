"""`predictions.parquet`: what a model answers, by example id and split; its columns are known only here.

An answer is a distribution over classes, or a text with the probability that the model gives it.

Rows are sorted by split, then by id; a task's test rows are therefore in one frozen order for every model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from w2s_ray.core.errors import DataError
from w2s_ray.tasks.examples import text_code

FILE = "predictions.parquet"


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictions:
    """Probabilities [rows, classes] of examples; `ids` and `splits` have one entry a row.

    Where answers are texts, `texts` has them, and `p_NC` [rows, 1] the probability of each.
    """

    ids: tuple[str, ...]
    splits: tuple[str, ...]
    p_NC: npt.NDArray[np.float32]
    texts: tuple[str, ...] = ()

    @property
    def answers(self) -> npt.NDArray[np.int64]:
        """Each row's answer as a number [rows]: the likeliest class, or the code of its text."""
        if self.texts:
            return np.array([text_code(text) for text in self.texts], dtype=np.int64)
        likeliest_N: npt.NDArray[np.int64] = self.p_NC.argmax(-1)
        return likeliest_N

    def where(self, split: str) -> Predictions:
        """The rows of one split, in id order."""
        rows = [row for row, name in enumerate(self.splits) if name == split]
        return self.take(rows)

    def by_id(self, ids: Sequence[str]) -> Predictions:
        """The rows of these examples, joined by id, not by position; DataError where one lacks."""
        row_of = {name: row for row, name in enumerate(self.ids)}
        missing = [name for name in ids if name not in row_of]
        if missing:
            raise DataError(f"no prediction for {len(missing)} of {len(ids)} examples, {missing[0]!r} first")
        return self.take([row_of[name] for name in ids])

    def take(self, rows: Sequence[int]) -> Predictions:
        """The rows at these positions, in their order."""
        return Predictions(
            ids=tuple(self.ids[row] for row in rows),
            splits=tuple(self.splits[row] for row in rows),
            p_NC=self.p_NC[list(rows)],
            texts=tuple(self.texts[row] for row in rows) if self.texts else (),
        )


def write_predictions(folder: Path, predictions: Predictions) -> None:
    """Write the file; equal predictions give equal bytes."""
    order = sorted(
        range(len(predictions.ids)), key=lambda row: (predictions.splits[row], predictions.ids[row])
    )
    p_NC = np.ascontiguousarray(predictions.p_NC[order], dtype=np.float32)
    columns = {
        "id": pa.array([predictions.ids[row] for row in order], pa.string()),
        "split": pa.array([predictions.splits[row] for row in order], pa.string()),
        "p": pa.FixedSizeListArray.from_arrays(pa.array(p_NC.ravel()), p_NC.shape[1]),
    }
    if predictions.texts:
        columns["text"] = pa.array([predictions.texts[row] for row in order], pa.string())
    pq.write_table(pa.table(columns), folder / FILE)


def read_predictions(folder: Path) -> Predictions:
    """The predictions that a stage left in `folder`."""
    table = pq.read_table(folder / FILE).combine_chunks()
    flat = table["p"].chunk(0).values.to_numpy() if table.num_rows else np.empty(0, dtype=np.float32)
    num_classes = table.schema.field("p").type.list_size
    return Predictions(
        ids=tuple(table["id"].to_pylist()),
        splits=tuple(table["split"].to_pylist()),
        p_NC=flat.reshape(-1, num_classes),
        texts=tuple(table["text"].to_pylist()) if "text" in table.column_names else (),
    )
