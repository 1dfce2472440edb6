"""The texts with which a loaded language model answers, greedily, in batches of prompts of similar length."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from w2s_ray.training.answers import Answered
from w2s_ray.training.batches import Rows
from w2s_ray.training.engine import Engine


def generate(
    engine: Engine, prompts: Answered, rows: Sequence[int] | Rows, *, batch: int, most: int, end_id: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Answer tokens [rows, most], padded with `end_id`, and each answer's log-likelihood [rows] in nats.

    In the order of `rows`, on every worker. Batches are shared among workers in turn; all ask the model equally
    often. A worker without a batch of its own asks the first one and leaves its answers out.
    """
    worker = engine.worker
    rows = np.asarray(rows, dtype=np.int64)
    order = np.argsort(prompts.lengths[rows], kind="stable")
    batches = [order[start : start + batch] for start in range(0, len(order), batch)]
    tokens_NK = torch.zeros((len(rows), most), dtype=torch.long, device=worker.device)
    log_p_N = torch.zeros(len(rows), dtype=torch.float32, device=worker.device)
    for start in range(0, len(batches), worker.world_size):
        index = start + worker.rank
        mine = batches[index] if index < len(batches) else batches[0]
        ids_RT, mask_RT, _ = prompts.tensors(rows[mine], worker.device)
        with engine.asked() as generator:
            answers_RK, log_p_R = generator.answer(
                ids_RT, mask_RT, most=most, end_id=end_id, together=worker.world_size > 1
            )
        if index < len(batches):
            places = torch.as_tensor(mine, device=worker.device)
            tokens_NK[places], log_p_N[places] = answers_RK, log_p_R
    return worker.sum(tokens_NK).cpu().numpy(), worker.sum(log_p_N).cpu().numpy()
