"""The offline ladder's sizes, configuration and tokenizer."""

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from w2s_ray.core.errors import ConfigError
from w2s_ray.models.tiny import (
    NUM_BYTE_TOKENS,
    TINY,
    build_byte_tokenizer,
    build_tokenizer,
    num_parameters,
    size_of,
    tiny_config,
)

WORDS = ("<pad>", "<bos>", "<unk>", "the", "dog", "is")


@pytest.mark.parametrize("name", list(TINY))
def test_rotary_covers_the_whole_head_and_parameters_are_counted_exactly(name):
    from transformers import GPTNeoXForCausalLM

    size = TINY[name]
    model = GPTNeoXForCausalLM(tiny_config(size, vocabulary=len(WORDS)))
    assert 2 * len(model.gpt_neox.rotary_emb.inv_freq) == size.hidden // size.heads
    assert num_parameters(size, len(WORDS)) == sum(p.numel() for p in model.parameters())


def test_the_sizes_climb():
    counts = [num_parameters(size, 100) for size in TINY.values()]
    assert list(TINY) == ["xs", "s", "m", "l"] and counts == sorted(counts)


def test_an_unknown_size_is_named_with_the_known_ones():
    assert size_of("tiny-xs") is TINY["xs"]
    with pytest.raises(ConfigError, match="unknown size of tiny 'xl'"):
        size_of("tiny-xl")


def test_a_config_override_reaches_the_configuration():
    assert tiny_config(TINY["xs"], vocabulary=6, overrides={"num_hidden_layers": 3}).num_hidden_layers == 3


def test_a_word_is_a_token_and_no_special_token_is_added():
    tokenizer = build_tokenizer(WORDS)
    assert tokenizer("<bos> the dog barks")["input_ids"] == [1, 3, 4, 2]
    assert tokenizer.pad_token_id == 0


def test_a_saved_tokenizer_reads_back_equal(tmp_path):
    from transformers import AutoTokenizer

    build_tokenizer(WORDS).save_pretrained(tmp_path)
    again = AutoTokenizer.from_pretrained(tmp_path)
    assert again("the dog is")["input_ids"] == [3, 4, 5]
    assert torch.tensor(again(["the", "the dog"], padding=True)["attention_mask"]).tolist() == [
        [1, 0],
        [1, 1],
    ]


@pytest.fixture(scope="module")
def byte_tokenizers(tmp_path_factory):
    """The tokenizer of bytes as it is built, and as it is read from a model's folder."""
    from transformers import AutoTokenizer

    folder = tmp_path_factory.mktemp("bytes")
    built = build_byte_tokenizer()
    built.save_pretrained(folder)
    return built, AutoTokenizer.from_pretrained(folder)


@given(st.text())
@example("<eos> <pad>")
@example("  two  spaces\n\ttab, don 't . stop \x00\x7f")
@example("8/5k2/8 w - - 0 1 1. Qxc1+ Ġ ü 漢字 🎉")
def test_bytes_are_tokens_and_any_text_comes_back(byte_tokenizers, text):
    for tokenizer in byte_tokenizers:
        ids = tokenizer(text)["input_ids"]
        assert ids == [byte + 2 for byte in text.encode()]
        assert tokenizer.decode([*ids, tokenizer.eos_token_id], skip_special_tokens=True) == text


def test_the_bytes_leave_two_tokens_for_padding_and_the_end_of_a_text(byte_tokenizers):
    for tokenizer in byte_tokenizers:
        assert (len(tokenizer), tokenizer.pad_token_id, tokenizer.eos_token_id) == (NUM_BYTE_TOKENS, 0, 1)
