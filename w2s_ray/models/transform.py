"""From an image to the numbers a vision model looks at: resize, crop, scale, normalise. Pillow and numpy only.

What is done is read from the checkpoint's own `preprocessor_config.json`, in the words of transformers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from w2s_ray.core.errors import EnvironmentFault

if TYPE_CHECKING:
    from PIL.Image import Image

FILE = "preprocessor_config.json"
BICUBIC = 3  # Pillow's number
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True, kw_only=True)
class Transform:
    """Resize to `size` (height, width), or the shorter side to `shortest`; then cut `crop` from the middle.

    Values from 0 to 255 are multiplied by `scale`; then channel c becomes (x - mean[c]) / std[c]. A field that
    is None is a step left out. `resample` is Pillow's number of a filter.
    """

    size: tuple[int, int] | None = None
    shortest: int | None = None
    crop: tuple[int, int] | None = None
    resample: int = BICUBIC
    scale: float = 1 / 255
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)

    def __call__(self, image: Image) -> npt.NDArray[np.float32]:
        """The image as float32 [3, height, width]."""
        image = _cropped(self._resized(image.convert("RGB")), self.crop)
        x_HWC = np.asarray(image, dtype=np.float32) * np.float32(self.scale)
        mean_C, std_C = (np.asarray(values, dtype=np.float32) for values in (self.mean, self.std))
        normal_HWC = (x_HWC - mean_C) / std_C
        return np.ascontiguousarray(normal_HWC.transpose(2, 0, 1))

    def _resized(self, image: Image) -> Image:
        if self.size is not None:
            return image.resize(self.size[::-1], self.resample)
        if self.shortest is None:
            return image
        ratio = self.shortest / min(image.size)
        width, height = (max(self.shortest, int(side * ratio)) for side in image.size)
        return image.resize((width, height), self.resample)


def read_transform(folder: Path) -> Transform:
    """The transform of a checkpoint's folder; EnvironmentFault where the folder does not say."""
    try:
        return transform_of(json.loads((folder / FILE).read_bytes()))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EnvironmentFault(
            f"{folder}: no usable {FILE}, which says how images are prepared ({type(error).__name__}: {error})"
        ) from None


def transform_of(config: Mapping[str, Any]) -> Transform:
    """The transform that a `preprocessor_config.json` describes."""
    size, crop = config.get("size", 224), None
    square = None if isinstance(size, Mapping) or "crop_pct" in config else (int(size), int(size))
    shortest = None
    if isinstance(size, Mapping) and "height" in size:
        square = (int(size["height"]), int(size["width"]))
    elif square is None:
        shortest = int(size["shortest_edge"] if isinstance(size, Mapping) else size)
    if (
        shortest is not None and "crop_pct" in config
    ):  # ConvNeXT and ResNet: resized so that the crop is the size
        crop, shortest = (shortest, shortest), int(shortest / config["crop_pct"])
    if config.get("do_center_crop") and crop is None:
        given = config.get("crop_size", 224)
        sides = (given["height"], given["width"]) if isinstance(given, Mapping) else (given, given)
        crop = (int(sides[0]), int(sides[1]))
    resizes, normalises = config.get("do_resize", True), config.get("do_normalize", True)
    return Transform(
        size=square if resizes else None,
        shortest=shortest if resizes else None,
        crop=crop,
        resample=int(config.get("resample", BICUBIC)),
        scale=float(config.get("rescale_factor", 1 / 255)) if config.get("do_rescale", True) else 1.0,
        mean=tuple(config["image_mean"]) if normalises else (0.0, 0.0, 0.0),
        std=tuple(config["image_std"]) if normalises else (1.0, 1.0, 1.0),
    )


def _cropped(image: Image, crop: tuple[int, int] | None) -> Image:
    if crop is None:
        return image
    height, width = crop
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))
