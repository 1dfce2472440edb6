"""Text to tokens: what is cut, what is kept, how fast."""

import time

import pytest

from w2s_ray.core.errors import DataError
from w2s_ray.models.encode import encode, ensure_pad_token
from w2s_ray.models.tiny import build_tokenizer

WORDS = ("<pad>", "<bos>", "<unk>", *(f"w{index}" for index in range(20)))


@pytest.fixture(scope="module")
def tokenizer():
    return build_tokenizer(WORDS)


@pytest.fixture(scope="module")
def bracketed():
    """A tokenizer that puts a special token before and after each text."""
    from tokenizers.processors import TemplateProcessing

    tokenizer = build_tokenizer(WORDS)
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="<bos> $A <unk>", special_tokens=[("<bos>", 1), ("<unk>", 2)]
    )
    return tokenizer


def words(tokenizer, ids):
    return tokenizer.convert_ids_to_tokens(ids)


def test_what_fits_is_kept_whole(tokenizer):
    (ids,) = encode(tokenizer, ["w1 w2 "], ["w3"], max_tokens=3)
    assert words(tokenizer, ids) == ["w1", "w2", "w3"]


def test_many_texts_are_encoded_in_blocks_with_the_same_result(tokenizer, monkeypatch):
    texts = [f"w{n} w{n + 1}" for n in range(7)]
    whole = encode(tokenizer, [""] * 7, texts, max_tokens=2)
    monkeypatch.setattr("w2s_ray.models.encode.BLOCK", 3)
    assert encode(tokenizer, [""] * 7, texts, max_tokens=2) == whole
    assert [words(tokenizer, ids) for ids in whole] == [text.split() for text in texts]


def test_the_context_loses_its_end_and_the_text_nothing(tokenizer):
    ids = encode(tokenizer, ["w1 w2 w3 w4 w5 ", ""], [" w7 w8", "w9"], max_tokens=4)
    assert [words(tokenizer, row) for row in ids] == [["w1", "w2", "w7", "w8"], ["w9"]]


def test_special_tokens_stay_and_count(bracketed):
    (ids,) = encode(bracketed, ["w1 w2 w3 w4 "], [" w7 w8"], max_tokens=5)
    assert words(bracketed, ids) == ["<bos>", "w1", "w7", "w8", "<unk>"]


def test_a_context_may_go_altogether(tokenizer):
    (ids,) = encode(tokenizer, ["w1 w2 "], ["w3 w4 w5"], max_tokens=3)
    assert words(tokenizer, ids) == ["w3", "w4", "w5"]


def test_a_text_that_is_itself_too_long_is_named(tokenizer):
    with pytest.raises(DataError, match=r"does not fit 3 tokens even without its context: 'w3 w4"):
        encode(tokenizer, ["w1 "], ["w3 w4 w5 w6"], max_tokens=3)


def test_an_empty_text_is_refused(tokenizer):
    with pytest.raises(DataError, match="an empty text has no token"):
        encode(tokenizer, ["", ""], ["w1", ""], max_tokens=3)


def test_nothing_to_encode_is_nothing(tokenizer):
    assert encode(tokenizer, [], [], max_tokens=3) == []


def test_a_tokenizer_without_a_pad_token_pads_with_its_end(tokenizer):
    from transformers import PreTrainedTokenizerFast

    bare = PreTrainedTokenizerFast(tokenizer_object=tokenizer.backend_tokenizer, eos_token="<bos>")
    ensure_pad_token(bare)
    assert bare.pad_token_id == 1
    none = PreTrainedTokenizerFast(tokenizer_object=tokenizer.backend_tokenizer)
    with pytest.raises(DataError, match="neither a pad"):
        ensure_pad_token(none)


def test_twenty_thousand_short_texts_take_seconds(tokenizer):
    started = time.process_time()
    encoded = encode(tokenizer, [""] * 20_000, ["w1 w2 w3 w4 w5 w6 w7 w8"] * 20_000, max_tokens=64)
    assert len(encoded) == 20_000 and time.process_time() - started < 10
