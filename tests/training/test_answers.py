"""A language model that answers with texts: likelihood, greedy answers, learning them."""

import numpy as np
import pytest
import torch

from w2s_ray.core.errors import DataError
from w2s_ray.core.specs import Layout, ModelSpec, Source, TrainSpec
from w2s_ray.models.generator import (
    build_generator,
    decode_answers,
    encode_answers,
    encode_prompts,
)
from w2s_ray.training.answers import Answered, Likelihood
from w2s_ray.training.engines import build_engine
from w2s_ray.training.generate import generate
from w2s_ray.training.loop import Lesson, train
from w2s_ray.training.worker import Worker

WORDS = ("<pad>", "<bos>", "<unk>", "a", "b", "c", "d", "say", "after", ".")
CPU = torch.device("cpu")
MODEL = ModelSpec(
    family="tiny", source=Source(kind="world", name="tiny-s", version=1), pretrained=False, context=128
)
# the answer to "say x" is x, and to "after x" the next letter and the one after it
PAIRS = [
    ("<bos> say a", "a"),
    ("<bos> say b", "b"),
    ("<bos> say c", "c"),
    ("<bos> say say d", "d"),
    ("<bos> after a", "b c"),
    ("<bos> after b", "c d"),
    ("<bos> after after c", "d a"),
    ("<bos> after d", "a b"),
]


@pytest.fixture
def built():
    return build_generator(MODEL, None, seed=0, vocabulary=WORDS)


def asked(built, pairs=PAIRS, answered=False):
    prompts = encode_prompts(built, [""] * len(pairs), [prompt for prompt, _ in pairs], room=4)
    answers = encode_answers(built, [answer for _, answer in pairs]) if answered else [()] * len(pairs)
    return Answered(prompts=prompts, answers=answers, pad_id=built.tokenizer.pad_token_id)


def plain_log_likelihood(built, prompt, answer):
    """By one unpadded forward pass, token by token."""
    ids = torch.tensor([[*prompt, *answer]])
    log_p_TV = built.generator.language_model(input_ids=ids).logits[0].log_softmax(-1)
    return sum(log_p_TV[len(prompt) + k - 1, token].item() for k, token in enumerate(answer))


def test_the_output_is_the_log_likelihood_of_the_whole_answer_however_rows_are_padded(built):
    inputs = asked(built, answered=True)
    together = built.generator(*inputs.tensors(range(len(inputs)), CPU))
    assert together.shape == (len(PAIRS), 1)
    for row, (prompt, answer) in enumerate(zip(inputs.prompts, inputs.answers, strict=True)):
        expected = plain_log_likelihood(built, prompt, answer)
        alone = built.generator(*inputs.tensors([row], CPU))
        assert together[row].item() == pytest.approx(expected, abs=1e-5)
        assert alone.item() == pytest.approx(expected, abs=1e-5)


def test_greedy_answers_are_the_likeliest_tokens_one_by_one(built):
    inputs = asked(built)
    engine = build_engine(built.generator, TrainSpec(), Layout(), Worker())
    tokens_NK, log_p_N = generate(engine, inputs, range(len(inputs)), batch=3, most=4, end_id=built.end_id)
    for prompt, tokens, log_p in zip(inputs.prompts, tokens_NK.tolist(), log_p_N, strict=True):
        ids, expected = list(prompt), []
        while len(expected) < 4 and built.end_id not in expected:
            logits_V = built.generator.language_model(input_ids=torch.tensor([ids])).logits[0, -1]
            expected.append(int(logits_V.argmax()))
            ids.append(expected[-1])
        assert tokens == expected + [built.end_id] * (4 - len(expected))
        assert log_p == pytest.approx(plain_log_likelihood(built, prompt, expected), abs=1e-4)


def test_answers_do_not_depend_on_the_batch_nor_on_the_order_of_rows(built):
    inputs = asked(built)
    engine = build_engine(built.generator, TrainSpec(), Layout(), Worker())
    order = np.array([5, 0, 7, 2])
    few, _ = generate(engine, inputs, order, batch=2, most=4, end_id=built.end_id)
    every, _ = generate(engine, inputs, range(8), batch=8, most=4, end_id=built.end_id)
    assert few.tolist() == every[order].tolist()


def lesson_of(built, recipe):
    inputs = asked(built, answered=True)
    return Lesson(inputs=inputs, labels_NC=np.ones((len(inputs), 1), dtype=np.float32), objective=Likelihood(),
                  prior=0.5, recipe=recipe, seed=0, micro_tokens=64)  # fmt: skip


def test_a_model_learns_to_answer(built):
    recipe = TrainSpec(epochs=80, batch=8, lr=1e-2)
    engine = build_engine(built.generator, recipe, Layout(), Worker())
    progress = train(engine, lesson_of(built, recipe), evaluate=lambda: (None, None))
    assert progress.losses[-1] < 0.05 < progress.losses[0]
    tokens_NK, log_p_N = generate(engine, asked(built), range(8), batch=8, most=4, end_id=built.end_id)
    assert decode_answers(built, tokens_NK.tolist()) == tuple(answer for _, answer in PAIRS)
    assert (np.exp(log_p_N) > 0.9).all()


def test_the_loss_does_not_depend_on_micro_batches(built):
    recipe = TrainSpec(epochs=3, batch=8, lr=1e-3)
    losses = []
    for budget in (8, 4096):
        its = build_generator(MODEL, None, seed=0, vocabulary=WORDS)
        engine = build_engine(its.generator, recipe, Layout(), Worker())
        lesson = Lesson(**(vars(lesson_of(its, recipe)) | {"micro_tokens": budget}))
        losses.append(train(engine, lesson, evaluate=lambda: (None, None)).losses)
    np.testing.assert_allclose(losses[0], losses[1], atol=1e-5)


def test_gradient_checkpointing_does_not_change_an_answer(built):
    from w2s_ray.models.build import enable_gradient_checkpointing

    engine = build_engine(built.generator, TrainSpec(), Layout(), Worker())
    before, _ = generate(engine, asked(built), range(8), batch=8, most=4, end_id=built.end_id)
    enable_gradient_checkpointing(built.generator.language_model)
    after, _ = generate(engine, asked(built), range(8), batch=8, most=4, end_id=built.end_id)
    assert before.tolist() == after.tolist() and built.generator.training


def test_a_prompt_leaves_room_for_its_answer_by_losing_its_context(built):
    (prompt,) = encode_prompts(built, ["a " * 200], [" say b"], room=4)
    assert len(prompt) == 128 - 4 and decode_answers(built, [prompt[-2:]]) == ("say b",)


def test_what_writes_no_text_is_refused(tmp_path):
    from transformers import BertConfig, BertModel

    from w2s_ray.models.tiny import build_tokenizer

    BertModel(BertConfig(vocab_size=10, hidden_size=8, num_hidden_layers=1, num_attention_heads=1,
                         intermediate_size=8)).save_pretrained(tmp_path)  # fmt: skip
    build_tokenizer(WORDS).save_pretrained(tmp_path)
    spec = ModelSpec(family="auto", source=Source(kind="files", digest="0" * 64))
    with pytest.raises(DataError, match="a bert model writes no text"):
        build_generator(spec, tmp_path, seed=0)
