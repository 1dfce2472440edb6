"""Which of a few words a loaded language model goes on with, in batches of prompts of similar length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from w2s_ray.training.answers import Answered

LogLikelihoods = npt.NDArray[np.float32]


def choose(
    generator: Any,
    prompts: Sequence[Sequence[int]],
    words: Sequence[Sequence[int]],
    *,
    batch: int,
    pad_id: int,
    device: torch.device,
) -> LogLikelihoods:
    """Log-likelihood [prompts, words] of each word, the sum over its tokens, right after each prompt, in nats.

    Words that differ in their last token alone share a forward pass.
    """
    log_p_NW = np.empty((len(prompts), len(words)), dtype=np.float32)
    order = np.argsort([len(prompt) for prompt in prompts], kind="stable")
    for stem in dict.fromkeys(tuple(word[:-1]) for word in words):
        places = [place for place, word in enumerate(words) if tuple(word[:-1]) == stem]
        last_W = torch.tensor([words[place][-1] for place in places], device=device)
        inputs = Answered(prompts=prompts, answers=[stem] * len(prompts), pad_id=pad_id)
        for start in range(0, len(order), batch):
            rows = order[start : start + batch]
            with torch.no_grad():
                found_BW = generator.choose(*inputs.tensors(rows, device), last_W)
            log_p_NW[rows[:, None], places] = found_BW.cpu().numpy()
    return log_p_NW
