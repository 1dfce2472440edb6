"""Texts to token ids: the context is truncated, never the text after it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from w2s_ray.core.errors import DataError

BLOCK = 1_000  # texts that a tokenizer gets at once: it keeps much more of each than its ids


def encode(
    tokenizer: Any, contexts: Sequence[str], texts: Sequence[str], *, max_tokens: int
) -> list[list[int]]:
    """Token ids of `context + text`, special tokens included, each at most `max_tokens` long.

    Where a pair is too long, its context loses its end; DataError where the text alone does not fit.
    """
    full = [context + text for context, text in zip(contexts, texts, strict=True)]
    encoded: list[list[int]] = []
    for start in range(0, len(full), BLOCK):
        encoded += tokenizer(full[start : start + BLOCK], add_special_tokens=True, truncation=False, verbose=False,
                             return_attention_mask=False, return_token_type_ids=False)["input_ids"]  # fmt: skip
    for row, ids in enumerate(encoded):
        if not ids:
            raise DataError(f"an empty text has no token to read an answer from (text {row} of {len(texts)})")
        if len(ids) > max_tokens:
            encoded[row] = _fit(tokenizer, contexts[row], texts[row], max_tokens, len(ids) - max_tokens)
    return encoded


def ensure_pad_token(tokenizer: Any) -> None:
    """Give a tokenizer without a pad token its end-of-text token; padding is masked, so any token serves."""
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    if tokenizer.pad_token_id is None:
        raise DataError("the tokenizer has neither a pad, an end-of-text nor an unknown token to pad with")


def _fit(tokenizer: Any, context: str, text: str, max_tokens: int, excess: int) -> list[int]:
    while context:
        offsets = tokenizer(context, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
        kept = len(offsets) - excess
        context = context[: offsets[kept - 1][1]] if kept > 0 else ""
        ids: list[int] = tokenizer(context + text, add_special_tokens=True, verbose=False)["input_ids"]
        if len(ids) <= max_tokens:
            return ids
        excess = len(ids) - max_tokens
    raise DataError(
        f"a text does not fit {max_tokens} tokens even without its context: {text[:80]!r}…; give the model a longer "
        f"`context`, or leave such examples out by the task's `max_chars` ({len(text)} characters here)"
    )
