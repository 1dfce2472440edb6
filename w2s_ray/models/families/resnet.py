"""Convolutional networks of transformers (He et al. 2016; Liu et al. 2022), from local folders or hub ids."""

from __future__ import annotations

from w2s_ray.models.families.base import register_family

register_family("resnet", {}, model_types={"resnet", "convnext", "convnextv2"}, medium="image")
