"""The examples in a prompt: drawn, written out before a question, and dropped where they do not fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from w2s_ray.core.specs import PromptSpec
from w2s_ray.tasks.examples import Examples


def draw_shots(classes_N: npt.NDArray[np.int64], num: int, seed: int) -> list[int]:
    """Positions of `num` rows, or of all where there are fewer: the classes in turn as far as they have rows.

    The order of the classes, the rows of each and the order of all are drawn from `seed`.
    """
    rng = np.random.default_rng(seed)
    pools = [
        rng.permutation(np.flatnonzero(classes_N == each)).tolist()
        for each in rng.permutation(np.unique(classes_N))
    ]
    drawn: list[int] = []
    while len(drawn) < num and any(pools):
        drawn += [pool.pop() for pool in pools if pool]
    return [int(row) for row in rng.permutation(drawn[:num])]


def shown(prompt: PromptSpec, examples: Examples, classes: Sequence[int]) -> list[str]:
    """Examples with their answers, each the first word of its class."""
    texts = [context + text for (context,), (text,) in zip(examples.contexts, examples.texts, strict=True)]
    return [
        f"{prompt.form.replace('{text}', text)} {prompt.words[label][0]}"
        for text, label in zip(texts, classes, strict=True)
    ]


def write_prompts(
    built: Any, prompt: PromptSpec, examples: Examples, shots: Sequence[str], *, room: int
) -> tuple[list[list[int]], npt.NDArray[np.int64]]:
    """Token ids of a prompt for each example with `room` tokens to spare, and how many shots [examples] it has.

    Where a prompt is too long it loses its first shots. A question that is too long alone loses the end of its
    context; DataError where its text does not fit.
    """
    from w2s_ray.models.generator import encode_prompts, prompt_tokens

    before, after = prompt.form.split("{text}", 1)
    contexts = [f"{before}{context}" for (context,) in examples.contexts]
    texts = [f"{text}{after}" for (text,) in examples.texts]
    found: dict[int, list[int]] = {}
    kept_N = np.zeros(len(examples), dtype=np.int64)
    for num in range(len(shots), 0, -1):
        left = [row for row in range(len(examples)) if row not in found]
        head = prompt.between.join([*shots[len(shots) - num :], ""])
        for row, ids in zip(
            left, prompt_tokens(built, [head + contexts[row] + texts[row] for row in left]), strict=True
        ):
            if len(ids) <= built.max_tokens - room:
                found[row], kept_N[row] = ids, num
    left = [row for row in range(len(examples)) if row not in found]
    alone = encode_prompts(built, [contexts[row] for row in left], [texts[row] for row in left], room=room)
    found |= dict(zip(left, alone, strict=True))
    return [found[row] for row in range(len(examples))], kept_N
