"""Inputs of a probe: the vectors that a frozen model has made of examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from w2s_ray.training.batches import Rows


@dataclass(frozen=True, kw_only=True, eq=False)
class Vectors:
    """Features fp32 [examples, texts, width]; in a micro-batch a vector weighs as one token does."""

    x_NTD: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.x_NTD)

    @property
    def lengths(self) -> Rows:
        return np.ones(len(self), dtype=np.int64)

    @property
    def num_texts(self) -> int:
        return int(self.x_NTD.shape[1])

    @property
    def width(self) -> int:
        return int(self.x_NTD.shape[2])

    def take(self, rows: Sequence[int] | Rows) -> Vectors:
        """The examples at these positions, in their order."""
        return Vectors(x_NTD=self.x_NTD[np.asarray(rows, dtype=np.int64)])

    def tensors(self, rows: Sequence[int] | Rows, device: torch.device) -> tuple[Tensor, ...]:
        """Vectors [rows × texts, width]."""
        x_RD = self.x_NTD[np.asarray(rows, dtype=np.int64)].reshape(-1, self.width)
        return (torch.from_numpy(x_RD).to(device),)
