"""Frozen vision models of timm and torchvision, and DINO's ResNet-50, less their classifiers: extra `vision`.

A timm model is a repository of the hub, `timm/<name>`, at its revision. torchvision's weights are releases of
the package, whose files it verifies by the digest in their names.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from torch import nn

from w2s_ray.core.errors import ConfigError, EnvironmentFault
from w2s_ray.core.specs import ModelSpec
from w2s_ray.models.extractor import Extractor
from w2s_ray.models.families.torchvision import DINO_RESNET50, DINO_URL
from w2s_ray.models.transform import IMAGENET_MEAN, IMAGENET_STD, Transform

# Pillow's numbers of the filters that timm and torchvision name.
FILTERS = {"nearest": 0, "lanczos": 1, "bilinear": 2, "bicubic": 3, "box": 4}
_CLASSIFIERS = ("fc", "classifier", "head", "heads")


def build_timm(model: ModelSpec) -> Extractor:
    """A model of timm; its features are what its own classifier would see."""
    timm = _package("timm")
    name = f"hf-hub:{model.source.name}"
    if model.source.revision:
        name += f"@{model.source.revision}"
    try:
        network = timm.create_model(name, pretrained=model.pretrained, num_classes=0, **model.config)
    except Exception as error:  # the hub client and timm raise a dozen kinds
        raise EnvironmentFault(f"cannot load {name} with timm ({type(error).__name__}: {error})") from error
    data = import_module("timm.data").resolve_model_data_config(network)
    side = int(data["input_size"][-1])
    transform = Transform(
        shortest=int(side / data["crop_pct"]),
        crop=(side, side),
        resample=FILTERS[data["interpolation"]],
        mean=tuple(data["mean"]),
        std=tuple(data["std"]),
    )
    return Extractor(prepare=transform, network=network)


def build_torchvision(model: ModelSpec) -> Extractor:
    """A classifier of torchvision, or DINO's ResNet-50, without its last linear layer."""
    models = _package("torchvision").models
    if model.source.name == DINO_RESNET50:
        return Extractor(prepare=_STANDARD, network=_dino_resnet50(models, pretrained=model.pretrained))
    name = model.source.name.partition("/")[2]
    try:
        weights = models.get_model_weights(name)[model.source.config]
    except (KeyError, ValueError):
        raise ConfigError(f"torchvision has no model {name!r} with weights {model.source.config}") from None
    try:
        network = models.get_model(name, weights=weights if model.pretrained else None)
    except OSError as error:
        raise EnvironmentFault(f"cannot fetch the weights of {model.source.name} ({error})") from error
    preset = weights.transforms()
    transform = Transform(
        shortest=preset.resize_size[0],
        crop=(preset.crop_size[0], preset.crop_size[0]),
        resample=FILTERS[preset.interpolation.value],
        mean=tuple(preset.mean),
        std=tuple(preset.std),
    )
    return Extractor(prepare=transform, network=without_classifier(network))


# The usual evaluation on ImageNet, DINO's too.
_STANDARD = Transform(shortest=256, crop=(224, 224), mean=IMAGENET_MEAN, std=IMAGENET_STD)


def without_classifier(network: nn.Module) -> nn.Module:
    """The network with its last linear layer replaced by nothing; ConfigError where it has none known."""
    for name in _CLASSIFIERS:
        last = getattr(network, name, None)
        if isinstance(last, nn.Linear):
            setattr(network, name, nn.Identity())
            return network
        if isinstance(last, nn.Sequential) and isinstance(last[-1], nn.Linear):
            last[-1] = nn.Identity()
            return network
    raise ConfigError(f"{type(network).__name__} does not end in a linear classifier")


def _dino_resnet50(models: Any, *, pretrained: bool) -> nn.Module:
    """As facebookresearch/dino's hubconf.py loads it; the file is opened as tensors only, never as code."""
    import torch

    network = without_classifier(models.get_model("resnet50", weights=None))
    if pretrained:
        try:
            state = torch.hub.load_state_dict_from_url(DINO_URL, map_location="cpu", weights_only=True)
        except OSError as error:
            raise EnvironmentFault(f"cannot fetch {DINO_URL} ({error})") from error
        missing = network.load_state_dict(state, strict=False).missing_keys
        if missing:
            raise EnvironmentFault(f"{DINO_URL} lacks weights of a ResNet-50: {', '.join(missing):.200}")
    return network


def _package(name: str) -> Any:
    try:
        return import_module(name)
    except (ImportError, RuntimeError) as error:  # RuntimeError: built for another torch
        raise EnvironmentFault(
            f"this model needs {name}, which is not installed or does not fit this torch ({error}): "
            f"pip install 'w2s-ray[vision]'"
        ) from None
