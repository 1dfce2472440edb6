"""A rung's corpus as tokens: texts in a seeded order, packed into rows; and how well other texts are predicted."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from w2s_ray.core.specs import CorpusSpec
from w2s_ray.models.tiny import CORPUS_CONTEXT, CORPUS_ROWS
from w2s_ray.tasks.corpus import read_texts

if TYPE_CHECKING:
    from torch import Tensor

HELD_OUT_ROWS = 64  # rows of held-out texts that are looked at: 16 thousand bytes


@dataclass(frozen=True, kw_only=True, eq=False)
class Corpus:
    """Token ids to learn from, [steps, rows, tokens], and those of held-out texts, [rows, tokens]."""

    batches_SRT: Tensor
    held_out_RT: Tensor


def read_corpus(spec: CorpusSpec, places: Mapping[str, str], tokenizer: Any, *, seed: int) -> Corpus:
    """The texts of all parts, mixed in an order that `seed` draws, again and again for as many steps as asked."""
    import torch

    parts = [read_texts(texts, places) for texts in spec.texts]
    train = [text for part in parts for text in part.train]
    held_out = shuffled([text for part in parts for text in part.held_out], f"{seed} held out")
    packed = packed_rows(_tokens(passes(train, seed), tokenizer), CORPUS_CONTEXT, tokenizer.pad_token_id)
    looked_at = packed_rows(_tokens(held_out, tokenizer), CORPUS_CONTEXT, tokenizer.pad_token_id)
    rows = torch.tensor(list(itertools.islice(packed, spec.steps * CORPUS_ROWS)))
    return Corpus(
        batches_SRT=rows.view(spec.steps, CORPUS_ROWS, CORPUS_CONTEXT),
        held_out_RT=torch.tensor(list(itertools.islice(looked_at, HELD_OUT_ROWS))),
    )


def passes(texts: Sequence[str], seed: int) -> Iterator[str]:
    """The texts without an end, each pass in an order of its own."""
    for number in itertools.count():
        yield from shuffled(texts, f"{seed} pass {number}")


def shuffled(texts: Sequence[str], salt: str) -> list[str]:
    """The texts in an order that `salt` draws."""
    return random.Random(salt).sample(texts, len(texts))


def packed_rows(documents: Iterable[list[int]], tokens: int, pad_id: int) -> Iterator[list[int]]:
    """Rows of whole documents in order, filled up with padding; a document longer than a row is cut in pieces."""
    row: list[int] = []
    for document in documents:
        for start in range(0, len(document), tokens):
            piece = document[start : start + tokens]
            if len(row) + len(piece) > tokens:
                yield row + [pad_id] * (tokens - len(row))
                row = []
            row = row + piece
    if row:
        yield row + [pad_id] * (tokens - len(row))


def bits_per_byte(model: Any, rows_RT: Tensor, pad_id: int) -> float:
    """Mean surprise of the model at a byte, the end of a text counted as one, in bits."""
    import torch
    from torch import nn

    nats, num = 0.0, 0
    with torch.no_grad():
        for start in range(0, len(rows_RT), CORPUS_ROWS):
            ids_RT = rows_RT[start : start + CORPUS_ROWS]
            logits_NV, targets_N = (
                model(input_ids=ids_RT).logits[:, :-1].flatten(0, 1),
                ids_RT[:, 1:].flatten(),
            )
            loss = nn.functional.cross_entropy(logits_NV, targets_N, ignore_index=pad_id, reduction="sum")
            nats, num = nats + float(loss), num + int((targets_N != pad_id).sum())
    return nats / num / math.log(2)


def _tokens(texts: Iterable[str], tokenizer: Any) -> Iterator[list[int]]:
    """Each text's tokens and its end."""
    for text in texts:
        yield [*tokenizer(text)["input_ids"], tokenizer.eos_token_id]
