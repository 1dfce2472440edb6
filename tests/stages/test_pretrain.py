"""A short pretraining of the smallest rung writes a model that loads, and that a finetune starts from."""

import json

import pytest
import torch

from w2s_ray.core.errors import TrainingDiverged
from w2s_ray.core.graph import pretrain_stage
from w2s_ray.core.specs import ModelSpec, Source
from w2s_ray.models import tiny
from w2s_ray.models.build import build
from w2s_ray.models.head import HeadPlan
from w2s_ray.stages import pretrain
from w2s_ray.stages.job import Job
from w2s_ray.training.language import LanguageRecipe, factor, train_language
from w2s_ray.training.worker import Worker

MODEL = ModelSpec(family="tiny", source=Source(kind="world", name="tiny-xs", version=1), context=128)


def short_run(out, monkeypatch, steps=20, seed=0):
    monkeypatch.setattr(tiny, "STEPS", steps)
    monkeypatch.setattr(pretrain, "NUM_PROBES", 50)
    out.mkdir()
    torch.set_num_threads(1)
    return pretrain.run(Job(stage=pretrain_stage(MODEL, seed), inputs={}, out=out), Worker())


def test_it_leaves_a_model_that_loads_with_its_words_head(tmp_path, monkeypatch):
    outcome = short_run(tmp_path / "one", monkeypatch)
    metrics = json.loads((tmp_path / "one" / "metrics.json").read_text())
    assert metrics == dict(outcome.metrics) and metrics["steps"] == 20
    assert metrics["loss/last"] < metrics["loss/first"]
    assert {"zero_shot/review", "zero_shot/agree", "zero_shot/board"} <= set(metrics)
    plan = HeadPlan(num_classes=2, label_words=("avoided", "loved"))
    assert build(MODEL, tmp_path / "one" / "model", plan, seed=0).head_init == "words"


def test_the_same_seed_gives_the_same_weights_and_another_one_others(tmp_path, monkeypatch):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        short_run(tmp_path / name, monkeypatch, steps=2, seed=seed)
    a, b, c = ((tmp_path / name / "model" / "model.safetensors").read_bytes() for name in "abc")
    assert a == b != c


def test_rows_hold_whole_documents_and_padding(monkeypatch):
    from w2s_ray.tasks.world import VOCABULARY

    monkeypatch.setattr(tiny, "STEPS", 3)
    tokenizer = tiny.build_tokenizer(VOCABULARY)
    batches = pretrain.packed_corpus(tokenizer, seed=0)
    assert batches.shape == (3, tiny.ROWS, tiny.ROW_TOKENS)
    for row in batches.flatten(0, 1).tolist():
        text = [token for token in row if token != tokenizer.pad_token_id]
        assert row[: len(text)] == text and text[0] == tokenizer.bos_token_id


def test_the_rate_warms_up_and_falls_to_a_tenth():
    recipe = LanguageRecipe(lr=1.0)
    assert factor(0, 100, recipe) == pytest.approx(0.2) and factor(4, 100, recipe) == pytest.approx(1.0)
    assert factor(5, 100, recipe) == pytest.approx(1.0) and factor(99, 100, recipe) == pytest.approx(
        0.1, abs=0.01
    )


def test_a_loss_that_is_no_number_names_the_step():
    config = tiny.tiny_config(tiny.TINY["xs"], vocabulary=8)
    from transformers import GPTNeoXForCausalLM

    model = GPTNeoXForCausalLM(config)
    with torch.no_grad():
        model.get_output_embeddings().weight.fill_(float("nan"))
    with pytest.raises(TrainingDiverged, match="at step 0"):
        train_language(model, torch.ones(2, 1, 4, dtype=torch.long), LanguageRecipe(lr=1.0), pad_id=0)
