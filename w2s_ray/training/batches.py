"""Which rows meet in an optimizer step, and how a step is cut for the memory there is.

The global batches come from the seed and the rows alone. How a batch is shared among workers and cut into
micro-batches under a token budget is layout: it changes no target and no loss beyond rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Rows = npt.NDArray[np.int64]


class Inputs(Protocol):
    """What a model looks at, a row an example.

    `lengths` [rows] and `num_texts` say what a row weighs in a micro-batch; `tensors` are the model's arguments
    for some rows, `num_texts` adjacent entries an example.
    """

    def __len__(self) -> int: ...
    @property
    def lengths(self) -> Rows: ...
    @property
    def num_texts(self) -> int: ...
    def tensors(self, rows: Sequence[int] | Rows, device: torch.device) -> tuple[Tensor, ...]: ...


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """Token ids of examples: `texts[i]` are the one or two texts of example i."""

    texts: Sequence[Sequence[Sequence[int]]]
    pad_id: int

    def __len__(self) -> int:
        return len(self.texts)

    @cached_property
    def lengths(self) -> Rows:
        """Tokens of each example's longest text."""
        lengths: Rows = self._text_lengths.reshape(len(self), -1).max(axis=1)
        return lengths

    @property
    def num_texts(self) -> int:
        """Texts of an example: one, or two if pairwise."""
        return len(self.texts[0]) if self.texts else 1

    def take(self, rows: Sequence[int] | Rows) -> Tokens:
        """The examples at these positions, in their order."""
        return Tokens(texts=[self.texts[row] for row in rows], pad_id=self.pad_id)

    def tensors(self, rows: Sequence[int] | Rows, device: torch.device) -> tuple[Tensor, ...]:
        """Right-padded ids and mask [rows × texts, longest]; the mask alone tells which tokens are real."""
        places_R = np.add.outer(np.asarray(rows) * self.num_texts, np.arange(self.num_texts)).ravel()
        lengths_R, starts_R = self._text_lengths[places_R], self._starts[places_R]
        columns_T = np.arange(lengths_R.max())
        mask_RT = columns_T < lengths_R[:, None]
        ids_RT = np.full(mask_RT.shape, self.pad_id, dtype=np.int64)
        ids_RT[mask_RT] = self._flat[(starts_R[:, None] + columns_T)[mask_RT]]
        return torch.from_numpy(ids_RT).to(device), torch.from_numpy(mask_RT.astype(np.int64)).to(device)

    @cached_property
    def _text_lengths(self) -> Rows:
        return np.array([len(text) for texts in self.texts for text in texts], dtype=np.int64)

    @cached_property
    def _starts(self) -> Rows:
        """Where each text begins in `_flat`."""
        return np.cumsum(self._text_lengths) - self._text_lengths

    @cached_property
    def _flat(self) -> Rows:
        every = chain.from_iterable(text for texts in self.texts for text in texts)
        return np.fromiter(every, dtype=np.int64, count=int(self._text_lengths.sum()))


def global_batches(num_rows: int, *, batch: int, epochs: int, seed: int, drop_last: bool) -> list[Rows]:
    """The rows of every optimizer step: each epoch is a permutation of its own, cut in order."""
    batches: list[Rows] = []
    for epoch in range(epochs):
        order = np.random.default_rng([seed, epoch]).permutation(num_rows)
        cuts = [order[start : start + batch] for start in range(0, num_rows, batch)]
        if drop_last and len(cuts) > 1 and len(cuts[-1]) < batch:
            cuts.pop()
        batches += cuts
    return batches


def micro_batches(inputs: Inputs, batch: Rows, *, world_size: int, budget: int) -> list[list[Rows]]:
    """For each worker the micro-batches of its share of a global batch, as *positions* in `batch`.

    Rows of similar length go together, and rows × texts × longest stays within `budget` tokens (one row may
    exceed it). Every worker gets the same number of micro-batches, the last ones perhaps empty: collectives
    inside a forward pass would hang otherwise.
    """
    shares = np.array_split(np.arange(len(batch)), world_size)
    cut = [_cut(inputs, batch, share, budget) for share in shares]
    most = max(len(micros) for micros in cut)
    empty = np.empty(0, dtype=np.int64)
    return [micros + [empty] * (most - len(micros)) for micros in cut]


def _cut(inputs: Inputs, batch: Rows, share: Rows, budget: int) -> list[Rows]:
    lengths = inputs.lengths[batch[share]]
    micros: list[list[int]] = []
    for index in np.argsort(lengths, kind="stable"):
        padded = (len(micros[-1]) + 1) * inputs.num_texts * lengths[index] if micros else 0
        if not micros or padded > budget:
            micros.append([])
        micros[-1].append(int(share[index]))
    return [np.array(micro, dtype=np.int64) for micro in micros]
