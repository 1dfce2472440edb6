"""Class probabilities of rows, in batches of similar length, while a model is loaded."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from w2s_ray.training.batches import Inputs, Rows
from w2s_ray.training.engine import Engine

Probabilities = npt.NDArray[np.float32]


def predict(
    engine: Engine, inputs: Inputs, rows: Sequence[int] | Rows, *, batch: int, num_classes: int
) -> Probabilities:
    """Probabilities [rows, classes] in the order of `rows`, on every worker.

    Batches are shared among workers in turn; all make the same number of forward passes. A worker without a
    batch of its own recomputes the first one and leaves it out of the sum.
    """
    worker = engine.worker
    rows = np.asarray(rows, dtype=np.int64)
    order = np.argsort(inputs.lengths[rows], kind="stable")
    batches = [order[start : start + batch] for start in range(0, len(order), batch)]
    probability_NC = torch.zeros((len(rows), num_classes), dtype=torch.float32, device=worker.device)
    for start in range(0, len(batches), worker.world_size):
        index = start + worker.rank
        mine = batches[index] if index < len(batches) else batches[0]
        with torch.no_grad():
            logits_BC = engine.forward(*inputs.tensors(rows[mine], worker.device))
        if index < len(batches):
            probability_NC[torch.as_tensor(mine, device=worker.device)] = logits_BC.float().softmax(-1)
    numbers: Probabilities = worker.sum(probability_NC).cpu().numpy()
    return numbers
