"""Pythia, deduplicated (Biderman et al. 2023): one corpus and token count for all sizes: compute is clean.

The revisions are commits of `main`, except where a note says otherwise: `main` and `step143000` differ in
their commits although they are declared equal. The files of the small ones are fp32 although their
configuration says float16. Learning rates: those of a public replication with AdamW and batches of 32.
"""

from __future__ import annotations

from w2s_ray.models.families.base import KnownModel, register_family

MODELS = {
    "pythia-70m": KnownModel(
        hub="EleutherAI/pythia-70m-deduped",
        revision="e93a9faa9c77e5d09219f6c868bfc7a1bd65593c",
        parameters=70_426_624,
        parameters_without_embeddings=18_915_328,
        context=2048,
        licence="Apache-2.0",
        tokens=299_892_736_000,
    ),
    "pythia-160m": KnownModel(
        hub="EleutherAI/pythia-160m-deduped",
        revision="582159a2dfe3e712a8d47ae83dec95ae3bde8e7e",
        parameters=162_322_944,
        parameters_without_embeddings=85_056_000,
        context=2048,
        licence="Apache-2.0",
        tokens=299_892_736_000,
        lr=5e-5,
    ),
    "pythia-410m": KnownModel(
        hub="EleutherAI/pythia-410m-deduped",
        revision="c4fc8d586d62df497f1f9b69d66d3ca419992d3e",
        parameters=405_334_016,
        parameters_without_embeddings=302_311_424,
        context=2048,
        licence="Apache-2.0",
        tokens=299_892_736_000,
        lr=3e-5,
    ),
    "pythia-1b": KnownModel(
        hub="EleutherAI/pythia-1b-deduped",
        revision="7199d8fc61a6d565cd1f3c62bf11525b563e13b2",
        parameters=1_011_781_632,
        parameters_without_embeddings=805_736_448,
        context=2048,
        licence="Apache-2.0",
        tokens=299_892_736_000,
        lr=2e-5,
    ),
    "pythia-1.4b": KnownModel(
        hub="EleutherAI/pythia-1.4b-deduped",
        revision="6d1288ca1da05b700367a229ed2000de0eab8c4d",
        parameters=1_414_647_808,
        parameters_without_embeddings=1_208_602_624,
        context=2048,
        licence="Apache-2.0",
        tokens=299_892_736_000,
        lr=1.5e-5,
        notes="the revision is that of step143000",
    ),
    "pythia-2.8b": KnownModel(
        hub="EleutherAI/pythia-2.8b-deduped",
        revision=None,
        parameters=2_775_208_960,
        parameters_without_embeddings=2_517_652_480,
        context=2048,
        licence="Apache-2.0",
        tokens=299_892_736_000,
        lr=1e-5,
    ),
    "pythia-6.9b": KnownModel(
        hub="EleutherAI/pythia-6.9b-deduped",
        revision=None,
        parameters=6_857_302_016,
        parameters_without_embeddings=6_444_163_072,
        context=2048,
        licence="Apache-2.0",
        tokens=299_892_736_000,
    ),
    "pythia-12b": KnownModel(
        hub="EleutherAI/pythia-12b-deduped",
        revision=None,
        parameters=11_846_072_320,
        parameters_without_embeddings=11_327_027_200,
        context=2048,
        licence="Apache-2.0",
        tokens=299_892_736_000,
    ),
}

register_family("pythia", MODELS, model_types={"gpt_neox"})
