"""Frozen models of images, by family: of transformers, of other packages (zoo.py), or made here."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from w2s_ray.core.errors import EnvironmentFault
from w2s_ray.core.specs import ModelSpec
from w2s_ray.models.build import load, quiet, without_dropout
from w2s_ray.models.extractor import Extractor
from w2s_ray.models.made import SIDE, number_of
from w2s_ray.models.patches import Patches, grey
from w2s_ray.models.transform import read_transform

# Architectures of transformers whose first token stands for the image; others are averaged over all places.
CLASS_TOKEN = ("vit", "deit", "dinov2", "dinov2_with_registers")


def build_extractor(model: ModelSpec, folder: Path | None, *, seed: int) -> Extractor:
    """The extractor of a vision model, in fp32 on the CPU and in eval mode; `seed` draws random weights.

    `folder` holds the checkpoint of a local or hub model; the others make or fetch their own.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        extractor = _build(model, folder)
    extractor.network.eval().requires_grad_(False)
    return extractor


def _build(model: ModelSpec, folder: Path | None) -> Extractor:
    match model.family:
        case "pixels":
            return Extractor(prepare=partial(grey, side=number_of(model.source.name)), network=nn.Flatten())
        case "patches":
            return Extractor(prepare=partial(grey, side=SIDE), network=Patches(number_of(model.source.name)))
        case "timm" | "torchvision":
            from w2s_ray.models.zoo import build_timm, build_torchvision

            return (build_timm if model.family == "timm" else build_torchvision)(model)
    assert folder is not None, "a checkpoint lies in a folder"
    return _of_transformers(model, folder)


class Pooled(nn.Module):
    """A backbone of transformers with one vector an image.

    The class token of a vision transformer (DINO's own evaluation), the mean over all places of any other
    network, or of any network where `pooling` is "mean".
    """

    def __init__(self, backbone: nn.Module, *, class_token: bool) -> None:
        super().__init__()
        self.backbone = backbone
        self.class_token = class_token

    def forward(self, pixels_NCHW: Tensor) -> Tensor:
        hidden: Tensor = self.backbone(pixel_values=pixels_NCHW).last_hidden_state
        if hidden.dim() == 4:  # [N, width, height, width] of a convolutional network
            return hidden.mean((2, 3))
        return hidden[:, 0] if self.class_token else hidden.mean(1)


def _of_transformers(model: ModelSpec, folder: Path) -> Extractor:
    from transformers import AutoConfig, AutoModel

    quiet()
    config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    if not hasattr(config, "num_channels"):
        raise EnvironmentFault(
            f"{folder}: a model of type {config.model_type!r} looks at texts; this task has images"
        )
    config.update(dict(model.config))
    backbone = load(AutoModel, model, folder, config)
    without_dropout(backbone)
    class_token = config.model_type in CLASS_TOKEN and model.pooling != "mean"
    return Extractor(prepare=read_transform(folder), network=Pooled(backbone, class_token=class_token))
