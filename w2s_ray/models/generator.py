"""A causal language model that answers with a text: how likely an answer is, and which one it gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from w2s_ray.core.errors import DataError
from w2s_ray.core.specs import ModelSpec
from w2s_ray.models.build import (
    config_and_tokenizer,
    is_encoder,
    load,
    num_positions,
    quiet,
    with_lora,
    without_dropout,
)
from w2s_ray.models.encode import encode, ensure_pad_token


class Generator(nn.Module):
    """A language model over left-padded rows, so that every answer ends in the last column."""

    def __init__(self, language_model: Any) -> None:
        super().__init__()
        self.language_model = language_model

    def forward(self, input_ids_RT: Tensor, mask_RT: Tensor, answer_RT: Tensor) -> Tensor:
        """Log-likelihood [rows, 1] of each row's answer in nats, fp32; `answer_RT` marks its tokens."""
        kept = int(answer_RT.any(0).sum()) + 1  # answers are right-aligned; the token before each predicts it
        logits_RKV = self.language_model(
            input_ids=input_ids_RT,
            attention_mask=mask_RT,
            position_ids=(mask_RT.cumsum(-1) - 1).clamp(min=0),
            logits_to_keep=kept,
        ).logits[:, -kept:-1]
        log_p_RK = -nn.functional.cross_entropy(
            logits_RKV.float().flatten(0, 1), input_ids_RT[:, 1 - kept :].flatten(), reduction="none"
        ).view(len(input_ids_RT), -1)
        return (log_p_RK * answer_RT[:, 1 - kept :]).sum(-1, keepdim=True)

    def choose(self, input_ids_RT: Tensor, mask_RT: Tensor, answer_RT: Tensor, tokens_W: Tensor) -> Tensor:
        """Log-likelihood [rows, tokens] of each row's answer with each of `tokens_W` after it, in nats, fp32."""
        kept = int(answer_RT.any(0).sum()) + 1  # as above
        logits_RKV = self.language_model(
            input_ids=input_ids_RT,
            attention_mask=mask_RT,
            position_ids=(mask_RT.cumsum(-1) - 1).clamp(min=0),
            logits_to_keep=kept,
        ).logits[:, -kept:]
        log_p_RKV: Tensor = logits_RKV.float().log_softmax(-1)
        start = input_ids_RT.shape[1] - kept + 1
        before_RK = log_p_RKV[:, :-1].gather(-1, input_ids_RT[:, start:].unsqueeze(-1)).squeeze(-1)
        before_R1 = (before_RK * answer_RT[:, start:]).sum(-1, keepdim=True)
        return before_R1 + log_p_RKV[:, -1].index_select(-1, tokens_W)

    def answer(
        self, input_ids_RT: Tensor, mask_RT: Tensor, *, most: int, end_id: int, together: bool
    ) -> tuple[Tensor, Tensor]:
        """Greedy tokens [rows, most] up to and with the end, padded with it, and each answer's log-likelihood.

        `together` keeps several workers in step, where a forward pass needs all of them.
        """
        from transformers import GenerationConfig

        was_training = self.training
        self.eval()  # with gradient checkpointing, train mode would turn the cache off
        try:
            found = self.language_model.generate(
                input_ids=input_ids_RT,
                attention_mask=mask_RT,
                synced_gpus=together,
                generation_config=GenerationConfig(
                    do_sample=False,
                    num_beams=1,
                    max_new_tokens=most,
                    eos_token_id=end_id,
                    pad_token_id=end_id,
                    use_cache=True,
                    output_logits=True,
                    return_dict_in_generate=True,
                ),
            )
        finally:
            self.train(was_training)
        answers_RK = found.sequences[:, input_ids_RT.shape[1] :]
        log_p_RKV = torch.stack(found.logits, dim=1).float().log_softmax(-1)
        log_p_RK = log_p_RKV.gather(-1, answers_RK.unsqueeze(-1)).squeeze(-1)
        before_end_RK = (answers_RK == end_id).long().cumsum(-1) - (answers_RK == end_id).long() == 0
        padded_RK = nn.functional.pad(answers_RK, (0, most - answers_RK.shape[1]), value=end_id)
        return padded_RK, (log_p_RK * before_end_RK).sum(-1)


@dataclass(frozen=True, kw_only=True)
class BuiltGenerator:
    """A generator ready for an engine, its tokenizer, its longest input in tokens, the token that ends answers."""

    generator: Generator
    tokenizer: Any
    max_tokens: int
    end_id: int


def build_generator(
    model: ModelSpec, folder: Path | None, *, seed: int, vocabulary: Sequence[str] = ()
) -> BuiltGenerator:
    """Build a generator in fp32 on the CPU, every random number drawn from `seed`; see build.build."""
    from transformers import AutoModelForCausalLM, GenerationConfig
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    quiet()
    config, tokenizer = config_and_tokenizer(model, folder, vocabulary)
    if is_encoder(config) or config.model_type not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        raise DataError(
            f"a {config.model_type} model writes no text; `adapt`, prompts and tasks whose answer is a text need "
            "a decoder"
        )
    ensure_pad_token(tokenizer)
    end_id = tokenizer.eos_token_id if tokenizer.eos_token_id is not None else tokenizer.pad_token_id
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        language_model: Any = load(AutoModelForCausalLM, model, folder, config)
        language_model.generation_config = GenerationConfig()  # no sampling of the checkpoint's own
        if model.lora is not None:
            language_model = with_lora(language_model, model)
    without_dropout(language_model)
    return BuiltGenerator(
        generator=Generator(language_model).train(),
        tokenizer=tokenizer,
        max_tokens=min(model.context, num_positions(config) or model.context),
        end_id=end_id,
    )


def encode_prompts(
    built: BuiltGenerator, contexts: Sequence[str], texts: Sequence[str], *, room: int
) -> list[list[int]]:
    """Token ids of `context + text`, without an end, and short enough for an answer of `room` tokens."""
    encoded = encode(built.tokenizer, contexts, texts, max_tokens=built.max_tokens - room)
    return [_endless(built, ids) for ids in encoded]


def prompt_tokens(built: BuiltGenerator, texts: Sequence[str]) -> list[list[int]]:
    """Token ids of whole texts without an end, however long."""
    encoded: list[list[int]] = built.tokenizer(list(texts), verbose=False)["input_ids"] if texts else []
    return [_endless(built, ids) for ids in encoded]


def _endless(built: BuiltGenerator, ids: list[int]) -> list[int]:
    ends = {built.end_id, built.tokenizer.sep_token_id}
    return ids[:-1] if len(ids) > 1 and ids[-1] in ends else ids


def encode_answers(built: BuiltGenerator, answers: Sequence[str]) -> list[list[int]]:
    """Token ids of answers, each after a space and with the end token."""
    spaced = [f" {answer.strip()}" for answer in answers]
    encoded: list[list[int]] = (
        built.tokenizer(spaced, add_special_tokens=False)["input_ids"] if spaced else []
    )
    return [[*ids, built.end_id] for ids in encoded]


def decode_answers(built: BuiltGenerator, answers: Sequence[Sequence[int]]) -> tuple[str, ...]:
    """The texts of generated tokens, up to the end token, without outer spaces."""
    cut = [
        list(ids[: ids.index(built.end_id)]) if built.end_id in ids else list(ids)
        for ids in map(list, answers)
    ]
    return tuple(
        built.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False).strip()
        for ids in cut
    )
