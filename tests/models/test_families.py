"""Known models: facts that were read, found by the names that people type."""

import re

import pytest

from w2s_ray.models.families import FAMILIES, family_of_type, find_model, known_names


def test_the_families_are_found_by_existing():
    assert list(FAMILIES) == ["dino", "gpt2", "llama", "pythia", "qwen", "resnet", "torchvision"]


@pytest.mark.parametrize(
    ("name", "hub"),
    [
        ("gpt2", "openai-community/gpt2"),
        ("gpt2-xl", "openai-community/gpt2-xl"),
        ("pythia-70m", "EleutherAI/pythia-70m-deduped"),
        ("pythia-70m-deduped", "EleutherAI/pythia-70m-deduped"),
        ("qwen2.5-0.5b", "Qwen/Qwen2.5-0.5B"),
        ("qwen3-0.6b", "Qwen/Qwen3-0.6B-Base"),
        ("Qwen/Qwen3-0.6B-Base", "Qwen/Qwen3-0.6B-Base"),
        ("llama-3.2-1b", "meta-llama/Llama-3.2-1B"),
        ("llama-2-7b", "meta-llama/Llama-2-7b-hf"),
    ],
)
def test_a_model_is_found_by_its_short_name_and_by_its_hub_id(name, hub):
    found = find_model(name)
    assert found is not None and found[1].hub == hub


def test_what_is_in_no_table_is_none():
    assert find_model("someone/somewhat") is None


@pytest.mark.parametrize("name", known_names())
def test_the_facts_of_a_model_are_possible(name):
    family, model = find_model(name)
    assert model.revision is None or re.fullmatch("[0-9a-f]{40}", model.revision)
    assert re.fullmatch(r"[\w.-]+/[\w.-]+", model.hub) and model.licence and model.parameters > 0
    if family.medium == "text":
        assert model.parameters_without_embeddings < model.parameters and model.context >= 1024
    else:
        assert model.context == 0


def test_short_names_are_unique_and_allowed_as_names_of_a_sweep():
    names = known_names()
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name) for name in names)


@pytest.mark.parametrize("name", list(FAMILIES))
def test_sizes_grow_with_parameters_in_each_series(name):
    sizes = [model.parameters for short, model in FAMILIES[name].models.items() if "gpt2" in short]
    assert sizes == sorted(sizes)


def test_a_model_type_belongs_to_a_family_or_to_auto():
    assert family_of_type("gpt_neox") == "pythia"
    assert family_of_type("bert") == "auto"
