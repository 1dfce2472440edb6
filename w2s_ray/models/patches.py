"""What `pixels/<n>` and `patches/<k>` compute of an image; made.py says what they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from w2s_ray.models.made import PATCH, SIDE

THRESHOLD = 0.25  # Coates & Ng's alpha, for patches of unit variance
FLAT = 0.1  # added to a patch's standard deviation, so that an even patch stays near zero
SEED = 0  # the filters are one frozen model, whatever the seed of a sweep


def grey(image: Any, side: int) -> npt.NDArray[np.float32]:
    """A Pillow image averaged over areas to [1, side, side] grey values in 0..1."""
    from PIL.Image import Resampling

    small = image.convert("L").convert("F").resize((side, side), Resampling.BOX)
    averaged: npt.NDArray[np.float32] = np.asarray(small, dtype=np.float32)[None] / np.float32(255)
    return averaged


class Patches(nn.Module):
    """Random filters with a soft threshold, averaged over quadrants: [N, 1, 16, 16] to [N, 4 × filters]."""

    def __init__(self, num_filters: int) -> None:
        super().__init__()
        drawn_KP = torch.randn(num_filters, PATCH**2, generator=torch.Generator().manual_seed(SEED))
        self.filters_KP = nn.Parameter(drawn_KP / drawn_KP.norm(dim=1, keepdim=True))

    def forward(self, grey_N1HW: Tensor) -> Tensor:
        patches_NPL = nn.functional.unfold(grey_N1HW, PATCH)
        spread_N1L = patches_NPL.std(1, correction=0, keepdim=True) + FLAT
        normal_NPL = (patches_NPL - patches_NPL.mean(1, keepdim=True)) / spread_N1L
        found_NKL = (self.filters_KP @ normal_NPL - THRESHOLD).clamp(min=0)
        places = SIDE - PATCH + 1
        found_NKHW = found_NKL.view(len(grey_N1HW), -1, places, places)
        return nn.functional.adaptive_avg_pool2d(found_NKHW, 2).flatten(1)
