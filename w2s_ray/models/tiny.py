"""The offline ladder: tiny GPT-NeoX language models, pretrained here on the world or on a corpus of files.

One architecture in sizes; a size is a function of a few numbers. The recipe was found by experiment: with it,
larger rungs hold the latent concepts of the offline world more saliently. Words are tokens of the world, bytes
those of a corpus.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from w2s_ray.core.errors import ConfigError
from w2s_ray.core.registry import unknown

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from w2s_ray.core.specs import ModelSpec

VERSION = 1
CONTEXT = 128  # positions
STEPS = 1000  # optimizer steps of pretraining
ROWS = 16  # rows in a pretraining batch
ROW_TOKENS = 64  # tokens in a row
PAD, BOS, UNK, EOS = "<pad>", "<bos>", "<unk>", "<eos>"
# Of a corpus: 1.2 million bytes, about two minutes for `l` on one core.
CORPUS_CONTEXT, CORPUS_STEPS, CORPUS_ROWS = 256, 600, 8  # a row is a whole context
NUM_BYTE_TOKENS = 258  # pad, the end of a text, and every byte


@dataclass(frozen=True, kw_only=True)
class TinySize:
    """One rung: width, depth, attention heads, peak learning rate of pretraining.

    `zero_shot` is the accuracy by genre under which the rung does not hold the concept that it should.
    """

    hidden: int
    layers: int
    heads: int
    lr: float
    zero_shot: Mapping[str, float] = field(default_factory=dict)


TINY: Mapping[str, TinySize] = {
    "xs": TinySize(hidden=16, layers=1, heads=2, lr=6e-3),
    "s": TinySize(hidden=16, layers=2, heads=2, lr=5e-3),
    "m": TinySize(hidden=32, layers=3, heads=4, lr=3e-3, zero_shot={"review": 0.95, "agree": 0.95}),
    "l": TinySize(
        hidden=128, layers=4, heads=4, lr=1.5e-3, zero_shot={"review": 0.95, "agree": 0.95, "board": 0.95}
    ),
}


def size_of(source_name: str) -> TinySize:
    """The rung that a source name `tiny-<size>` means."""
    name = source_name.removeprefix("tiny-")
    if name not in TINY:
        raise ConfigError(unknown("size of tiny", name, TINY))
    return TINY[name]


def num_parameters(size: TinySize, vocabulary: int) -> int:
    """Parameters of a rung, embeddings and unembedding included."""
    h = size.hidden
    block = 4 * h * h + 4 * h + 8 * h * h + 5 * h + 4 * h  # attention, feed-forward, two norms
    return size.layers * block + 2 * h + 2 * vocabulary * h


def pretraining_tokens(model: ModelSpec) -> int:
    """Tokens, padding included, of a rung's pretraining."""
    return model.corpus.steps * CORPUS_ROWS * CORPUS_CONTEXT if model.corpus else STEPS * ROWS * ROW_TOKENS


def config_and_tokenizer(model: ModelSpec, words: Sequence[str]) -> tuple[Any, PreTrainedTokenizerFast]:
    """What a rung is made of; `words` is the vocabulary of the world, for a rung that reads it."""
    tokenizer = build_byte_tokenizer() if model.corpus else build_tokenizer(words)
    config = tiny_config(
        size_of(model.source.name),
        vocabulary=len(tokenizer),
        context=CORPUS_CONTEXT if model.corpus else CONTEXT,
        overrides=model.config,
    )
    return config, tokenizer


def tiny_config(
    size: TinySize, *, vocabulary: int, context: int = CONTEXT, overrides: Mapping[str, Any] | None = None
) -> Any:
    """The GPTNeoXConfig of a rung; rotary over the whole head, untied, no dropout."""
    from transformers import GPTNeoXConfig

    config = GPTNeoXConfig(
        vocab_size=vocabulary,
        hidden_size=size.hidden,
        intermediate_size=4 * size.hidden,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        max_position_embeddings=context,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 1.0},
        hidden_dropout=0.0,
        attention_dropout=0.0,
        use_parallel_residual=False,
        tie_word_embeddings=False,
        initializer_range=0.1,
        bos_token_id=1,
        eos_token_id=1,
        pad_token_id=0,
    )
    config.update(dict(overrides or {}))
    return config


def build_tokenizer(words: Sequence[str]) -> PreTrainedTokenizerFast:
    """One token a word, in the order given; the first three are pad, bos and unk."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    assert tuple(words[:3]) == (PAD, BOS, UNK), "the vocabulary starts with its special tokens"
    backend = Tokenizer(models.WordLevel({word: index for index, word in enumerate(words)}, unk_token=UNK))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token=PAD, bos_token=BOS, unk_token=UNK, model_max_length=CONTEXT
    )


def build_byte_tokenizer() -> PreTrainedTokenizerFast:
    """One token a byte of UTF-8: token 2 + b is the byte b, after pad and the end of a text.

    Any text comes back as it was, even one that spells a special token.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = {name: index for index, name in enumerate((PAD, EOS, *_byte_names()))}
    backend = Tokenizer(models.BPE(vocabulary, []))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    backend.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token=PAD,
        bos_token=EOS,
        eos_token=EOS,
        split_special_tokens=True,
        clean_up_tokenization_spaces=False,
        model_max_length=CORPUS_CONTEXT,
    )


def _byte_names() -> list[str]:
    """The characters that stand for bytes 0 to 255: a printable one of Latin-1 for itself, then from U+0100 on.

    (Radford et al. 2019, the byte-level alphabet of GPT-2.)
    """
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = iter(range(256, 512))
    return [chr(byte if byte in printable else next(others)) for byte in range(256)]
