"""Tasks whose answers are texts: a language model learns them and is asked for them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from w2s_ray.core.specs import MethodSpec
from w2s_ray.stages.material import LESSON, Material
from w2s_ray.tasks.examples import Examples


@dataclass(frozen=True)
class Texts:
    """Answers are texts, learnt as they are given; asked for, the model writes the likeliest next token each time.

    `taught` are the token ids of the training half's answers, each with its end: the longest of them bounds how
    long the model may write.
    """

    built: Any
    taught: list[list[int]]

    @cached_property
    def room(self) -> int:
        """Tokens of the longest answer."""
        return max(map(len, self.taught))

    def prompts(self, examples: Examples) -> Any:
        """The inputs of all examples, in file order, with room for an answer after each."""
        from w2s_ray.models.generator import encode_prompts
        from w2s_ray.training.answers import Answered

        contexts, texts = ([parts[0] for parts in column] for column in (examples.contexts, examples.texts))
        prompts = encode_prompts(self.built, contexts, texts, room=self.room)
        pad_id = self.built.tokenizer.pad_token_id
        return Answered(prompts=prompts, answers=[()] * len(prompts), pad_id=pad_id)

    def lesson(self, inputs: Any, material: Material) -> tuple[Any, npt.NDArray[np.float32]]:
        """The prompts of the training half with their answers; each counts fully, [rows, 1]."""
        from w2s_ray.training.answers import Answered

        prompts = [inputs.prompts[row] for row in material.rows(LESSON)]
        taught = Answered(prompts=prompts, answers=self.taught, pad_id=inputs.pad_id)
        return taught, np.ones((len(prompts), 1), dtype=np.float32)

    def objective(self, method: MethodSpec | None) -> Any:
        """The likelihood of the texts: methods that fit texts differ in the labels they give, not in the loss."""
        from w2s_ray.training.answers import Likelihood

        return Likelihood()

    def answers(
        self, engine: Any, inputs: Any, rows: npt.NDArray[np.int64], batch: int
    ) -> tuple[npt.NDArray[np.float32], tuple[str, ...]]:
        """The probability of each answer [rows, 1], and the answers."""
        from w2s_ray.models.generator import decode_answers
        from w2s_ray.training.generate import generate

        tokens_NK, log_p_N = generate(
            engine, inputs, rows, batch=batch, most=self.room, end_id=self.built.end_id
        )
        return np.exp(log_p_N)[:, None], decode_answers(self.built, tokens_NK.tolist())


def taught_by(material: Material, built: Any) -> Texts:
    """The answers that a role learns from, in the tokens of its model."""
    from w2s_ray.models.generator import encode_answers

    return Texts(built, encode_answers(built, material.texts(LESSON)))
