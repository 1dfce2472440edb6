"""Which rows meet in an optimizer step, and how a step is cut for the memory there is.

The global batches come from the seed and the rows alone. How a batch is shared among workers and cut into
micro-batches under a token budget is layout: it changes no target and no loss beyond rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """Token ids of examples: `texts[i]` are the one or two texts of example i."""

    texts: Sequence[Sequence[Sequence[int]]]
    pad_id: int

    def __len__(self) -> int:
        return len(self.texts)

    def length(self, row: int) -> int:
        """Tokens of an example's longest text."""
        return max(len(text) for text in self.texts[row])

    @property
    def num_texts(self) -> int:
        return len(self.texts[0]) if self.texts else 1

    def padded(self, rows: Sequence[int] | Rows, device: torch.device) -> tuple[Tensor, Tensor]:
        """Right-padded ids and mask [rows × texts, longest]; by the mask alone is a token known to be real."""
        flat = [text for row in rows for text in self.texts[int(row)]]
        longest = max(len(text) for text in flat)
        ids_RT = torch.full((len(flat), longest), self.pad_id, dtype=torch.long)
        mask_RT = torch.zeros((len(flat), longest), dtype=torch.long)
        for index, text in enumerate(flat):
            ids_RT[index, : len(text)] = torch.tensor(text, dtype=torch.long)
            mask_RT[index, : len(text)] = 1
        return ids_RT.to(device), mask_RT.to(device)


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


def micro_batches(tokens: Tokens, batch: Rows, *, world_size: int, budget: int) -> list[list[Rows]]:
    """For each worker the micro-batches of its share of a global batch, as *positions* in `batch`.

    Rows of similar length go together, and rows × texts × longest stays within `budget` tokens (one row may
    exceed it). Every worker gets the same number of micro-batches, the last ones perhaps empty: collectives
    inside a forward pass would hang otherwise.
    """
    shares = np.array_split(np.arange(len(batch)), world_size)
    cut = [_cut(tokens, batch, share, budget) for share in shares]
    most = max(len(micros) for micros in cut)
    empty = np.empty(0, dtype=np.int64)
    return [micros + [empty] * (most - len(micros)) for micros in cut]


def _cut(tokens: Tokens, batch: Rows, share: Rows, budget: int) -> list[Rows]:
    lengths = np.array([tokens.length(int(batch[position])) for position in share])
    micros: list[list[int]] = []
    for index in np.argsort(lengths, kind="stable"):
        padded = (len(micros[-1]) + 1) * tokens.num_texts * lengths[index] if micros else 0
        if not micros or padded > budget:
            micros.append([])
        micros[-1].append(int(share[index]))
    return [np.array(micro, dtype=np.int64) for micro in micros]
