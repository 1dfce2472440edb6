"""What a thing *is*, as bytes that every process agrees on.

`canonical` reduces a value to JSON or refuses; `digest` hashes that. Nothing here knows where or how a thing
is computed. A dataclass field added later declares `field(default=…, metadata={"neutral": value})`: while it
holds its neutral value it is omitted, so older identities stay.
"""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any

_ABSENT = object()


def canonical(value: object) -> Any:
    """Reduce `value` to JSON whose bytes are equal in every process, or raise TypeError.

    Integers and floats stay apart (1 is not 1.0), as do `True` and 1, and "1" and 1. Sets, bytes, arrays,
    NaN, infinities and objects without declared fields are refused: their encoding is not promised.
    """
    match value:
        case enum.Enum():
            return canonical(value.value)
        case None | bool():
            return value
        case int():
            return int(value)
        case str():
            return _encodable(value)
        case float() if math.isfinite(value):
            return float(value) or 0.0  # -0.0 equals 0.0 and must hash like it
        case list() | tuple():
            return [canonical(item) for item in value]
        case Mapping() if all(isinstance(key, str) for key in value):
            return {_encodable(key): canonical(item) for key, item in value.items()}
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return _fields(value)
    raise TypeError(f"{value!r} has no identity that another process would agree on")


def digest(value: object) -> str:
    """The sha256 of `canonical(value)`, 64 hex digits."""
    return hashlib.sha256(_text(canonical(value)).encode("utf-8")).hexdigest()


def derived_seed(seed: int, purpose: str) -> int:
    """An independent 31-bit seed for one purpose, so that no two draws of a run share a stream."""
    return int(digest([seed, purpose])[:8], 16) >> 1


def _text(reduced: object) -> str:
    return json.dumps(reduced, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _fields(value: Any) -> dict[str, Any]:
    kept = {}
    for field in dataclasses.fields(value):
        item = getattr(value, field.name)
        neutral = field.metadata.get("neutral", _ABSENT)
        reduced = canonical(item)
        if neutral is _ABSENT or _text(reduced) != _text(canonical(neutral)):  # `==` would take 1 for True
            kept[field.name] = reduced
    return kept


def _encodable(text: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise TypeError(f"{text!r} is not valid Unicode, so it has no portable identity") from None
    return str.__str__(text)  # the characters, whatever a subclass prints
