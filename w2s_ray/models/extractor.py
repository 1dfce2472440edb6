"""What makes features of images: how one is prepared, and the network that many go through."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import nn


@dataclass(frozen=True, kw_only=True)
class Extractor:
    """`prepare` makes an RGB image an array; `network` takes a batch of them to features [images, width]."""

    prepare: Callable[[Any], npt.NDArray[np.float32]]
    network: nn.Module

    @property
    def num_parameters(self) -> int:
        return sum(parameter.numel() for parameter in self.network.parameters())
