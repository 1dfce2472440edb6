"""GPT-2 (Radford et al. 2019): the ladder of the published reference numbers.

Its pretraining tokens were never published. Learning rates: openai/weak-to-strong `train_simple.py`.
"""

from __future__ import annotations

from w2s_ray.models.families.base import KnownModel, register_family

MODELS = {
    "gpt2": KnownModel(
        hub="openai-community/gpt2",
        revision="607a30d783dfa663caf39e06633721c8d4cfcd7e",
        parameters=124_439_808,
        parameters_without_embeddings=85_056_000,
        context=1024,
        licence="MIT",
        tied=True,
        lr=5e-5,
    ),
    "gpt2-medium": KnownModel(
        hub="openai-community/gpt2-medium",
        revision="6dcaa7a952f72f9298047fd5137cd6e4f05f41da",
        parameters=354_823_168,
        parameters_without_embeddings=302_311_424,
        context=1024,
        licence="MIT",
        tied=True,
        lr=5e-5,
    ),
    "gpt2-large": KnownModel(
        hub="openai-community/gpt2-large",
        revision="32b71b12589c2f8d625668d2335a01cac3249519",
        parameters=774_030_080,
        parameters_without_embeddings=708_390_400,
        context=1024,
        licence="MIT",
        tied=True,
        lr=1e-5,
    ),
    "gpt2-xl": KnownModel(
        hub="openai-community/gpt2-xl",
        revision="15ea56dee5df4983c59b2538573817e1667135e2",
        parameters=1_557_611_200,
        parameters_without_embeddings=1_475_561_600,
        context=1024,
        licence="MIT",
        tied=True,
        lr=1e-5,
    ),
}

register_family("gpt2", MODELS, model_types={"gpt2"})
