"""Prompts with the texts that answer them, as a language model's inputs; and the loss of a text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from w2s_ray.training.batches import Rows


@dataclass(frozen=True, kw_only=True)
class Answered:
    """Token ids of prompts and of what follows each; `answers` are empty where a model is asked."""

    prompts: Sequence[Sequence[int]]
    answers: Sequence[Sequence[int]]
    pad_id: int
    num_texts: int = 1

    def __len__(self) -> int:
        return len(self.prompts)

    @cached_property
    def lengths(self) -> Rows:
        """Tokens of each prompt with its answer."""
        pairs = zip(self.prompts, self.answers, strict=True)
        return np.array([len(prompt) + len(answer) for prompt, answer in pairs], dtype=np.int64)

    def tensors(self, rows: Sequence[int] | Rows, device: torch.device) -> tuple[Tensor, ...]:
        """Left-padded ids, their mask and the mask of the answer's tokens, each [rows, longest]."""
        longest = int(self.lengths[np.asarray(rows)].max())
        shape = (len(rows), longest)
        ids_RT: npt.NDArray[np.int64] = np.full(shape, self.pad_id, dtype=np.int64)
        mask_RT, answer_RT = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
        for place, row in enumerate(rows):
            tokens = [*self.prompts[row], *self.answers[row]]
            ids_RT[place, longest - len(tokens) :] = tokens
            mask_RT[place, longest - len(tokens) :] = 1
            answer_RT[place, longest - len(self.answers[row]) :] = 1
        return tuple(torch.from_numpy(each).to(device) for each in (ids_RT, mask_RT, answer_RT))


class Likelihood:
    """Learn texts as they are given: the negative log-likelihood of each row's whole answer, in nats.

    A text is one hard label of a boundless number of classes, so this is their cross-entropy; no target
    between two texts is defined.
    """

    coupled = False

    def target(self, student_BC: Tensor, weak_BC: Tensor, *, prior: float, progress: float) -> Tensor:
        """The weight of each row [rows, 1]."""
        return weak_BC

    def row_loss(self, outputs_MC: Tensor, goal_MC: Tensor) -> Tensor:
        """-goal · log p(answer) of each row."""
        return -(goal_MC * outputs_MC).sum(-1)
