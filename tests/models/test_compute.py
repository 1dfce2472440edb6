"""What a model's pretraining cost, where anyone can say."""

from dataclasses import replace

import pytest

from w2s_ray.core.specs import CorpusSpec, ModelSpec, Source, TextsSpec
from w2s_ray.models.compute import pretraining_flops

PYTHIA = ModelSpec(family="pythia", source=Source(kind="hub", name="EleutherAI/pythia-70m-deduped"))
RUNG = ModelSpec(family="tiny", source=Source(kind="world", name="xs", version=1))


def test_a_published_model_costs_six_flops_a_parameter_and_token():
    assert pretraining_flops(PYTHIA, 1) == pytest.approx(6 * 70_426_624 * 299_892_736_000)


def test_a_rung_of_the_ladder_costs_what_it_read_here():
    assert pretraining_flops(RUNG, 17_000) == 6 * 17_000 * 1000 * 16 * 64
    texts = TextsSpec(source=Source(kind="files", digest="ab"), text="{t}")
    corpus = CorpusSpec(texts=(texts,), steps=10)
    assert pretraining_flops(replace(RUNG, corpus=corpus), 1000) == 6 * 1000 * 10 * 8 * 256


@pytest.mark.parametrize(
    "model",
    [
        replace(PYTHIA, pretrained=False),
        replace(PYTHIA, config={"num_hidden_layers": 2}),
        replace(PYTHIA, source=Source(kind="files", digest="ab")),
        ModelSpec(family="gpt2", source=Source(kind="hub", name="openai-community/gpt2")),
        replace(RUNG, pretrained=False),
        replace(RUNG, corpus=CorpusSpec()),
    ],
)
def test_what_was_never_said_is_not_guessed(model):
    assert pretraining_flops(model, 1000) is None
