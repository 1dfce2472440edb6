"""Generative finetuning: a model reads a task's texts without labels, and is trained from there."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from w2s_ray.core.graph import adapt_stage, finetune_stage, split_stage
from w2s_ray.core.specs import AdaptSpec, Layout, LoraSpec, ModelSpec, Source, TaskSpec, TrainSpec
from w2s_ray.stages import adapt, finetune, split
from w2s_ray.stages.job import Job
from w2s_ray.stages.pretrain import save
from w2s_ray.tasks.examples import read_examples, write_examples
from w2s_ray.training.worker import Worker

WORLD = Source(kind="world", name="tiny-xs", version=1)
MODEL = ModelSpec(family="tiny", source=WORLD, pretrained=False, context=128, adapt=AdaptSpec())
READING = TrainSpec(epochs=6, batch=16, lr=1e-2)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def run(stage, function, out, layout=Layout(checkpoint_s=0), **inputs):  # noqa: B008  (frozen)
    out.mkdir()
    return function(Job(stage=stage, inputs=inputs, out=out, layout=layout), Worker())


def splitting(task):
    source = Source(kind="world", name=task, version=1)
    return split_stage(TaskSpec(name=task, version=1, source=source, half=64, validation=40, test=60), 0)


@pytest.fixture(scope="module")
def review(tmp_path_factory):
    root = tmp_path_factory.mktemp("review")
    run(splitting("review"), split.run, root / "split")
    return root / "split"


def reading(half="transfer", model=MODEL, task="review", recipe=READING):
    return adapt_stage(model=model, recipe=recipe, seed=0, half=half, split=splitting(task))


def weights(folder):
    return load_file(folder / "model" / "model.safetensors")


def test_it_learns_the_language_of_the_task(review, tmp_path):
    outcome = run(reading(), adapt.run, tmp_path / "adapted", split=review)
    assert outcome.metrics["loss/last"] < outcome.metrics["loss/first"] - 1
    assert outcome.metrics["steps"] == 6 * 64 / 16 and outcome.facts["texts"] == 64
    assert json.loads((tmp_path / "adapted" / "metrics.json").read_text()) == outcome.metrics


def test_it_reads_no_labels(review, tmp_path):
    examples = read_examples(review)
    (tmp_path / "split").mkdir()
    (tmp_path / "split" / "split.json").write_bytes((review / "split.json").read_bytes())
    write_examples(tmp_path / "split", replace(examples, labels=1 - examples.labels))
    few = replace(READING, epochs=1)
    for name, folder in (("one", review), ("other", tmp_path / "split")):
        run(reading(recipe=few), adapt.run, tmp_path / name, split=folder)
    one, other = weights(tmp_path / "one"), weights(tmp_path / "other")
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_each_half_is_read_apart(review, tmp_path):
    few = replace(READING, epochs=1)
    for half in ("weak", "transfer"):
        run(reading(half, recipe=few), adapt.run, tmp_path / half, split=review)
    one, other = weights(tmp_path / "weak"), weights(tmp_path / "transfer")
    assert not torch.equal(one["lm_head.weight"], other["lm_head.weight"])


def test_both_texts_of_a_pair_are_read(tmp_path):
    run(splitting("pref"), split.run, tmp_path / "split")
    stage = reading(task="pref", recipe=replace(READING, epochs=1))
    outcome = run(stage, adapt.run, tmp_path / "adapted", split=tmp_path / "split")
    assert outcome.facts["texts"] == 2 * 64


def test_a_finetune_starts_from_what_was_read_though_the_model_was_random(review, tmp_path):
    stage = reading()
    run(stage, adapt.run, tmp_path / "adapted", split=review)
    given = {"model": MODEL, "seed": 0, "half": "transfer", "split": splitting("review"), "base": stage}
    frozen = finetune_stage(recipe=TrainSpec(epochs=1, lr=1e-12, head="words"), **given)
    built = finetune._classifier(
        Job(
            stage=frozen,
            inputs={"split": review, "base": tmp_path / "adapted"},
            out=tmp_path,
        ),
        finetune.Material(Job(stage=frozen, inputs={"split": review}, out=tmp_path)),
    )
    state = built.backbone.state_dict()
    stored = weights(tmp_path / "adapted")
    assert all(torch.equal(state[name], stored[f"gpt_neox.{name}"]) for name in state if "rotary" not in name)


def test_adapters_are_merged_into_the_weights(review, tmp_path):
    plain, lora = MODEL, replace(MODEL, lora=LoraSpec(rank=2))
    few = replace(READING, epochs=2)
    for name, model in (("plain", plain), ("lora", lora)):
        run(reading(model=model, recipe=few), adapt.run, tmp_path / name, split=review)
    one, other = weights(tmp_path / "plain"), weights(tmp_path / "lora")
    assert one.keys() == other.keys()
    embedded = "gpt_neox.embed_in.weight"  # no adapter is put on it: it is as it was
    attended = "gpt_neox.layers.0.attention.query_key_value.weight"
    start = adapt._built(Job(stage=reading(), inputs={}, out=tmp_path)).generator.language_model.state_dict()
    assert torch.equal(other[embedded], start[embedded]) and not torch.equal(one[embedded], start[embedded])
    assert not torch.equal(other[attended], start[attended])


def test_tied_matrices_are_stored_once_and_come_back(tmp_path):
    from transformers import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel

    from w2s_ray.models.tiny import build_tokenizer

    words = ("<pad>", "<bos>", "<unk>", "a")
    model = GPT2LMHeadModel(GPT2Config(vocab_size=4, n_embd=8, n_layer=1, n_head=1, n_positions=16)).eval()
    save(model, build_tokenizer(words), tmp_path / "model")
    assert "lm_head.weight" not in weights(tmp_path)
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "model")
    ids = torch.tensor([[1, 3, 3]])
    np.testing.assert_array_equal(model(ids).logits.detach(), again(ids).logits.detach())


@pytest.mark.ray
def test_deepspeed_leaves_the_whole_model_whatever_it_cut(review, tmp_path):
    for name, layout in (("torch", Layout(checkpoint_s=0)), ("zero", Layout(checkpoint_s=0, zero_stage=3))):
        run(reading(recipe=replace(READING, epochs=1)), adapt.run, tmp_path / name, layout, split=review)
    one, other = weights(tmp_path / "torch"), weights(tmp_path / "zero")
    assert one.keys() == other.keys()
    assert all(torch.allclose(one[name], other[name], atol=1e-4) for name in one)
