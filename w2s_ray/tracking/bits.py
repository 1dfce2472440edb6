"""Per-example correctness as text: a base64 bitset in frozen id order. 8,000 characters hold 48,000 rows."""

from __future__ import annotations

import base64

import numpy as np
from numpy.typing import NDArray


def to_text(right_N: NDArray[np.bool_]) -> str:
    """Pack booleans, the first into the top bit of the first byte."""
    return base64.b64encode(np.packbits(right_N).tobytes()).decode("ascii")


def from_text(text: str, num_items: int) -> NDArray[np.bool_]:
    """The inverse of `to_text`; ValueError where the text is not that of `num_items` rows."""
    raw = np.frombuffer(base64.b64decode(text, validate=True), dtype=np.uint8)
    if len(raw) != (num_items + 7) // 8:
        raise ValueError(f"a bitset of {len(raw)} bytes cannot hold {num_items} rows")
    return np.unpackbits(raw, count=num_items).astype(bool)
