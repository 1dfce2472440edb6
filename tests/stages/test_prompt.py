"""Zero-shot and few-shot prompts: what is asked, how words are scored, what calibration does."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.stages.test_adapt import run, splitting
from w2s_ray.core.errors import DataError
from w2s_ray.core.graph import finetune_stage, prompt_stage
from w2s_ray.core.specs import ModelSpec, PromptSpec, Source, TrainSpec
from w2s_ray.models.generator import build_generator
from w2s_ray.stages import finetune, prompt, split
from w2s_ray.stages.predictions import read_predictions
from w2s_ray.stages.prompt import calibrated, class_probabilities
from w2s_ray.stages.shots import draw_shots, shown, write_prompts
from w2s_ray.tasks import TASKS
from w2s_ray.tasks.examples import Examples, read_examples
from w2s_ray.training.choose import choose

WORDS = ("<pad>", "<bos>", "<unk>", "a", "b", "c", "Answer:", "no", "yes", "sir", ".")
MODEL = ModelSpec(
    family="tiny", source=Source(kind="world", name="tiny-s", version=1), pretrained=False, context=128
)
PROMPT = PromptSpec(words=(("no",), ("yes", "yes sir")), between=" . ")


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def built():
    made = build_generator(MODEL, None, seed=0, vocabulary=WORDS)
    made.generator.eval()
    return made


def asking(*texts, contexts=None):
    num = len(texts)
    return Examples(
        ids=tuple(map(str, range(num))),
        groups=("",) * num,
        splits=("test",) * num,
        labels=np.zeros(num, dtype=np.int32),
        contexts=tuple((context,) for context in contexts or [""] * num),
        texts=tuple((text,) for text in texts),
    )


def test_words_are_scored_by_all_their_tokens_however_prompts_are_padded(built):
    prompts = [[1, 3], [1, 3, 4, 5, 3], [1, 4, 4]]
    words = [[7], [8], [8, 9], [8, 10], [8, 9, 10]]
    found = choose(
        built.generator,
        prompts,
        words,
        batch=2,
        pad_id=built.tokenizer.pad_token_id,
        device=torch.device("cpu"),
    )
    for row, asked in enumerate(prompts):
        for place, word in enumerate(words):
            ids = torch.tensor([[*asked, *word]])
            log_p_TV = built.generator.language_model(input_ids=ids).logits[0].log_softmax(-1)
            plain = sum(log_p_TV[len(asked) + k - 1, token].item() for k, token in enumerate(word))
            assert found[row, place] == pytest.approx(plain, abs=1e-5)


def test_the_words_of_a_class_add_up():
    log_p_NW = np.log(np.array([[0.1, 0.2, 0.2], [0.3, 0.05, 0.05]], dtype=np.float32))
    np.testing.assert_allclose(class_probabilities(log_p_NW, [1, 2]), [[0.2, 0.8], [0.75, 0.25]], rtol=1e-6)
    tiny_NW = np.full((1, 2), -500, dtype=np.float32)
    np.testing.assert_allclose(class_probabilities(tiny_NW, [1, 1]), [[0.5, 0.5]])


def test_calibration_divides_by_the_mean_over_the_rows_it_may_know():
    p_NC = np.array([[0.9, 0.1], [0.7, 0.3], [0.8, 0.2]], dtype=np.float32)
    found = calibrated(p_NC, np.array([True, True, False]))
    ratio = np.array([0.8 / 0.8, 0.2 / 0.2])
    np.testing.assert_allclose(found[2], ratio / ratio.sum(), rtol=1e-6)
    assert found.argmax(1).tolist() == [0, 1, 0] and np.array_equal(calibrated(p_NC, np.zeros(3, bool)), p_NC)


def test_calibration_undoes_a_bias_that_all_rows_share():
    rng = np.random.default_rng(0)
    p_N = rng.uniform(0.3, 0.7, 4000)
    biased_NC = np.stack([1 - p_N, p_N * 20], 1)
    biased_NC /= biased_NC.sum(1, keepdims=True)
    assert (biased_NC[:, 1] > 0.5).mean() == 1
    found = calibrated(biased_NC.astype(np.float32), np.ones(len(p_N), bool))
    assert ((found[:, 1] > 0.5) == (p_N > 0.5)).mean() > 0.9


def test_shots_take_the_classes_in_turn_and_come_from_the_seed():
    classes_N = np.array([0] * 90 + [1] * 8 + [2] * 2)
    drawn = draw_shots(classes_N, 9, seed=1)
    assert sorted(np.bincount(classes_N[drawn])) == [2, 3, 4] and len(set(drawn)) == 9
    assert drawn == draw_shots(classes_N, 9, seed=1) != draw_shots(classes_N, 9, seed=2)
    assert sorted(draw_shots(classes_N, 200, seed=0)) == list(range(100))
    ends = {int(draw_shots(np.array([0] * 50 + [1] * 50), 5, seed=seed)[-1] >= 50) for seed in range(20)}
    assert ends == {0, 1}


def test_a_prompt_shows_the_shots_and_then_the_question(built):
    shots = shown(PROMPT, asking("<bos> a", "<bos> b"), [1, 0])
    assert shots == ["<bos> a\nAnswer: yes", "<bos> b\nAnswer: no"]
    (ids,), kept = write_prompts(built, PROMPT, asking("<bos> c"), shots, room=2)
    told = built.tokenizer.convert_ids_to_tokens(ids)
    assert " ".join(told) == "<bos> a Answer: yes . <bos> b Answer: no . <bos> c Answer:"
    assert kept.tolist() == [2]


def test_shots_that_do_not_fit_are_dropped_from_the_front_and_the_question_never(built):
    shots = shown(PROMPT, asking("a " * 50, "b " * 50), [0, 1])
    questions = asking("c", "c " * 60, " c", contexts=["", "", "a " * 300])
    prompts, kept = write_prompts(built, PROMPT, questions, shots, room=2)
    assert kept.tolist() == [2, 1, 0] and max(map(len, prompts)) <= 128 - 2
    told = [built.tokenizer.convert_ids_to_tokens(ids) for ids in prompts]
    assert told[0][:2] == ["a", "a"] and told[1][:2] == ["b", "b"]
    assert told[2][-3:] == ["a", "c", "Answer:"] and len(told[2]) == 126
    with pytest.raises(DataError, match="does not fit 126 tokens"):
        write_prompts(built, PROMPT, asking("c " * 200), shots, room=2)


class Asked:
    """A split, a supervisor, and prompts of an untrained model, in folders."""

    def __init__(self, root, task):
        self.root, self.split, self.task = root, splitting(task), task
        run(self.split, split.run, root / "split")
        self.weak = finetune_stage(
            model=MODEL, recipe=TrainSpec(epochs=1, head="small"), seed=0, half="weak", split=self.split
        )
        run(self.weak, finetune.run, root / "weak", split=root / "split")

    def prompt(self, name, *, asked=None, **spec):
        given = {"shots": 0, "calibrate": False, "model": MODEL} | spec
        stage = prompt_stage(
            prompt=asked or TASKS[self.task].asked, seed=0, half="transfer", split=self.split, **given
        )
        inputs = {"labels": self.root / "weak"} if "labels" in stage.inputs else {}
        outcome = run(stage, prompt.run, self.root / name, split=self.root / "split", **inputs)
        return read_predictions(self.root / name), outcome


@pytest.fixture(scope="module")
def review(tmp_path_factory):
    return Asked(tmp_path_factory.mktemp("review"), "review")


def test_it_leaves_what_a_student_leaves_but_a_curve(review):
    found, outcome = review.prompt("zero")
    folder = review.root / "zero"
    assert {file.name for file in folder.iterdir()} == {"predictions.parquet", "metrics.json"}
    student = read_predictions(review.root / "weak")
    assert found.where("test").ids == student.where("test").ids
    assert set(found.splits) == {"select", "tune", "test"}
    np.testing.assert_allclose(found.p_NC.sum(1), 1, atol=1e-6)
    metrics = json.loads((folder / "metrics.json").read_text())
    truth = read_examples(review.root / "split").by_id(found.where("test").ids).labels
    assert metrics["accuracy/test"] == pytest.approx((found.where("test").answers == truth).mean())
    assert outcome.facts["num_parameters"] > 0 and outcome.metrics["shots"] == 0


def test_calibrated_predictions_favour_no_class_on_validation_rows(review):
    plain, _ = review.prompt("uncalibrated")
    found, _ = review.prompt("calibrated", calibrate=True)
    asked = np.isin(plain.splits, ("select", "tune"))
    assert np.array_equal(found.p_NC, calibrated(plain.p_NC, asked))
    assert abs(found.p_NC[asked].mean(0)[0] - 0.5) < abs(plain.p_NC[asked].mean(0)[0] - 0.5)


def test_weak_shots_are_labelled_by_the_supervisor_and_gold_ones_by_the_truth(review, monkeypatch):
    seen = {}
    real = prompt.shown

    def told(spec, examples, classes):
        seen["ids"], seen["classes"] = examples.ids, list(classes)
        return real(spec, examples, classes)

    monkeypatch.setattr(prompt, "shown", told)
    examples, weak = read_examples(review.root / "split"), read_predictions(review.root / "weak")
    review.prompt("gold", shots=4)
    assert seen["classes"] == examples.by_id(seen["ids"]).labels.tolist()
    assert sorted(seen["classes"]) == [0, 0, 1, 1]
    review.prompt("weakly", shots=4, labels=review.weak)
    assert seen["classes"] == weak.by_id(seen["ids"]).answers.tolist()
    assert set(examples.by_id(seen["ids"]).splits) == {"transfer"}


def test_shots_change_the_answers_and_the_record_says_how_many_there_were(review):
    none, _ = review.prompt("none")
    some, outcome = review.prompt("some", shots=2)
    assert not np.allclose(none.p_NC, some.p_NC) and outcome.metrics["shots"] == 2
    again, _ = review.prompt("again", shots=2)
    assert np.array_equal(some.p_NC, again.p_NC)


def test_where_not_one_shot_fits_that_is_told(review):
    with pytest.raises(DataError, match="no example fits the 30 tokens"):
        review.prompt("full", shots=1, model=replace(MODEL, context=30))


def test_a_word_that_the_tokenizer_lacks_is_named(review):
    with pytest.raises(DataError, match="does not know the word 'marvellous'"):
        review.prompt("unknown", asked=PromptSpec(words=(("hated",), ("marvellous",))))


def test_more_classes_are_asked_alike(tmp_path):
    found, _ = Asked(tmp_path, "board").prompt("zero")
    assert found.p_NC.shape[1] == 9
