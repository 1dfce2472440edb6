"""Llama 2, 3, 3.1 and 3.2 base models: gated, so a token of the hub is needed.

The 3.2 models were distilled from larger ones: C = 6 N D does not hold, and a weak one has "seen" a strong
one. Learning rate: EleutherAI/weak-to-strong, full finetuning.
"""

from __future__ import annotations

from w2s_ray.models.families.base import KnownModel, register_family

MODELS = {
    "llama-2-7b": KnownModel(
        hub="meta-llama/Llama-2-7b-hf",
        revision=None,
        parameters=6_738_415_616,
        parameters_without_embeddings=6_476_271_616,
        context=4096,
        licence="Llama 2",
        tokens=2e12,
        gated=True,
    ),
    "llama-2-13b": KnownModel(
        hub="meta-llama/Llama-2-13b-hf",
        revision=None,
        parameters=13_015_864_320,
        parameters_without_embeddings=12_688_184_320,
        context=4096,
        licence="Llama 2",
        tokens=2e12,
        gated=True,
    ),
    "llama-2-70b": KnownModel(
        hub="meta-llama/Llama-2-70b-hf",
        revision=None,
        parameters=68_976_648_192,
        parameters_without_embeddings=68_452_360_192,
        context=4096,
        licence="Llama 2",
        tokens=2e12,
        gated=True,
    ),
    "llama-3-8b": KnownModel(
        hub="meta-llama/Meta-Llama-3-8B",
        revision="8cde5ca8380496c9a6cc7ef3a8b46a0372a1d920",
        parameters=8_030_261_248,
        parameters_without_embeddings=6_979_588_096,
        context=8192,
        licence="Llama 3",
        tokens=15e12,
        gated=True,
        lr=1e-6,
        notes="at least that many tokens",
    ),
    "llama-3-70b": KnownModel(
        hub="meta-llama/Meta-Llama-3-70B",
        revision=None,
        parameters=70_553_706_496,
        parameters_without_embeddings=68_452_360_192,
        context=8192,
        licence="Llama 3",
        tokens=15e12,
        gated=True,
        notes="at least that many tokens",
    ),
    "llama-3.1-8b": KnownModel(
        hub="meta-llama/Llama-3.1-8B",
        revision="d04e592bb4f6aa9cfee91e2e20afa771667e1d4b",
        parameters=8_030_261_248,
        parameters_without_embeddings=6_979_588_096,
        context=131_072,
        licence="Llama 3.1",
        tokens=15e12,
        gated=True,
        notes="at least that many tokens",
    ),
    "llama-3.2-1b": KnownModel(
        hub="meta-llama/Llama-3.2-1B",
        revision="4e20de362430cd3b72f300e6b0f18e50e7166e08",
        parameters=1_235_814_400,
        parameters_without_embeddings=973_146_112,
        context=131_072,
        licence="Llama 3.2",
        tokens=9e12,
        tied=True,
        gated=True,
        notes="distilled from larger models; at most that many tokens",
    ),
    "llama-3.2-3b": KnownModel(
        hub="meta-llama/Llama-3.2-3B",
        revision="13afe5124825b4f3751f836b40dafda64c1ed062",
        parameters=3_212_749_824,
        parameters_without_embeddings=2_818_747_392,
        context=131_072,
        licence="Llama 3.2",
        tokens=9e12,
        tied=True,
        gated=True,
        notes="distilled from larger models; at most that many tokens",
    ),
}

register_family("llama", MODELS, model_types={"llama"})
