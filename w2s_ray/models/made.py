"""Frozen features of images that are made here, without weights to fetch: `pixels/<n>` and `patches/<k>`.

`pixels/<n>`: the image averaged over areas to n × n grey values in 0..1. A real ladder: who sees 4 × 4 pixels
sees more than who sees 2 × 2.

`patches/<k>`: k random filters over each 5 × 5 patch, normalised, of the grey image of 16 × 16; what exceeds a
threshold is averaged over each quadrant: 4k features. Random filters with this encoding hold much of what
learned ones do (Coates & Ng 2011, "The importance of encoding versus training").

Here are their names and sizes; what they compute is `patches.py`.
"""

from __future__ import annotations

import re

from w2s_ray.core.errors import ConfigError
from w2s_ray.core.specs import Source

MADE = {"pixels": 64, "patches": 4096}  # family → the largest number that may follow it
VERSION = 1
SIDE, PATCH = 16, 5  # pixels of the grey image and of a patch


def is_made(source: str) -> bool:
    """Whether a model's source names features that are made here."""
    return source.partition("/")[0] in MADE and "/" in source


def source_of_made(source: str) -> Source:
    """The source that `pixels/4` means; ConfigError where the number is none or out of range."""
    family, _, number = source.partition("/")
    most = MADE[family]
    if not re.fullmatch(r"[1-9][0-9]{0,3}", number) or int(number) > most:
        raise ConfigError(f"{source!r}: expected {family}/<number from 1 to {most}>")
    return Source(kind="world", name=f"{family}-{number}", version=VERSION)


def number_of(name: str) -> int:
    """The number in a source's name, `pixels-4`."""
    return int(name.rpartition("-")[2])


def count_made(name: str) -> int:
    """Frozen parameters: the filters of `patches`; `pixels` have none."""
    return number_of(name) * PATCH * PATCH if name.startswith("patches") else 0
