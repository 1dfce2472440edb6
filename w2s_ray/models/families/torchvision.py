"""Vision models whose weights come by torchvision, or by a release of their authors for its architectures.

AlexNet (Krizhevsky et al. 2012; its accuracy in the paper's table is .566) and DINO's ResNet-50 (Caron et al.
2021: k-NN 67.5, linear 75.3 on ImageNet). DINO's file is what facebookresearch/dino@7c446df names.
"""

from __future__ import annotations

from w2s_ray.models.families.base import KnownModel, register_family

RELEASE = "IMAGENET1K_V1"  # torchvision's name of the first weights of each classifier
DINO_RESNET50 = "torchvision/dino-resnet50"  # an architecture of torchvision with weights of DINO
DINO_URL = "https://dl.fbaipublicfiles.com/dino/dino_resnet50_pretrain/dino_resnet50_pretrain.pth"

MODELS = {
    "alexnet": KnownModel(
        hub="torchvision/alexnet",
        package=RELEASE,
        revision=None,
        parameters=61_100_840,
        context=0,
        licence="BSD-3",
        notes="parameters with the classifier, which a probe leaves out",
    ),
    "dino-resnet50": KnownModel(
        hub=DINO_RESNET50,
        package="dino_resnet50_pretrain",
        revision=None,
        parameters=23_000_000,
        context=0,
        licence="Apache-2.0",
        notes="parameters as published, to the million",
    ),
}

register_family("torchvision", MODELS, model_types=set(), medium="image")
