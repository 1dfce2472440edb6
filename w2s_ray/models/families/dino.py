"""DINO (Caron et al. 2021) and DINOv2 (Oquab et al. 2023): vision transformers trained without labels.

On ImageNet, k-NN and linear: DINO ViT-B/8 77.4 and 80.1; DINOv2 S 79.0 and 81.1, B 82.1 and 84.5, L 83.5 and
86.3, g 83.5 and 86.5. S, B and L of DINOv2 are distilled from g: their sizes are no axis of compute.
"""

from __future__ import annotations

from w2s_ray.models.families.base import KnownModel, register_family

MODELS = {
    "dino-vitb8": KnownModel(
        hub="facebook/dino-vitb8",
        revision=None,
        parameters=85_000_000,
        context=0,
        licence="Apache-2.0",
        notes="parameters as published, to the million",
    ),
    "dinov2-small": KnownModel(
        hub="facebook/dinov2-small",
        revision="ed25f3a31f01632728cabb09d1542f84ab7b0056",
        parameters=22_056_576,
        context=0,
        licence="Apache-2.0",
    ),
    "dinov2-base": KnownModel(
        hub="facebook/dinov2-base",
        revision="f9e44c814b77203eaa57a6bdbbd535f21ede1415",
        parameters=86_580_480,
        context=0,
        licence="Apache-2.0",
    ),
    "dinov2-large": KnownModel(
        hub="facebook/dinov2-large",
        revision="47b73eefe95e8d44ec3623f8890bd894b6ea2d6c",
        parameters=304_368_640,
        context=0,
        licence="Apache-2.0",
    ),
    "dinov2-giant": KnownModel(
        hub="facebook/dinov2-giant",
        revision="611a9d42f2335e0f921f1e313ad3c1b7178d206d",
        parameters=1_136_480_768,
        context=0,
        licence="Apache-2.0",
    ),
}

register_family(
    "dino", MODELS, model_types={"vit", "deit", "dinov2", "dinov2_with_registers"}, medium="image"
)
