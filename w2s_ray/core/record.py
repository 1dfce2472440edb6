"""What a finished stage left behind: the record that commits it.

A stage is done when its record exists and the files it names match their digests. The record also names the
inputs that were read, how it was computed (layout, provenance), and its headline metrics, so that a sweep can
be followed without opening an artifact. That is why a record carries a checksum of itself.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from w2s_ray.core.errors import CorruptRecord

SCHEMA = 1


@dataclass(frozen=True, kw_only=True)
class File:
    """One artifact file: its content's sha256 and size in bytes."""

    sha256: str
    num_bytes: int


@dataclass(frozen=True, kw_only=True)
class Record:
    """The committed result of a stage.

    `attempt` is the folder, next to the record, that holds `files` (relative POSIX path → digest).
    `inputs` maps a role to the key and the files' digests of the record it read. `seconds` is wall time.
    """

    key: str
    identity: str
    attempt: str
    files: Mapping[str, File]
    inputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    layout: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    finished: str = ""
    schema: int = SCHEMA

    @property
    def kind(self) -> str:
        return self.key.split("/", 1)[0]

    def to_json(self) -> str:
        """The record with a checksum of its own; raises ValueError or TypeError for what JSON cannot say."""
        data = asdict(self)
        return json.dumps(data | {"checksum": _checksum(data)}, indent=1, sort_keys=True, allow_nan=False)

    @classmethod
    def from_json(cls, text: str | bytes, *, place: str) -> Record:
        """Parse a record found at `place`; raises CorruptRecord where it is none, or not intact."""
        try:
            data = json.loads(text)
            if data["schema"] != SCHEMA:
                raise CorruptRecord(f"{place}: schema {data['schema']}, this version reads {SCHEMA}")
            if data.pop("checksum") != _checksum(data):
                raise CorruptRecord(f"{place}: content does not match its checksum")
            data["files"] = {name: File(**entry) for name, entry in data["files"].items()}
            record = cls(**data)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise CorruptRecord(f"{place}: not a record ({error})") from None
        for path in (record.attempt, *record.files):
            if not is_inside(path):
                raise CorruptRecord(f"{place}: names {path!r}, which is not below its folder")
        return record


def is_inside(path: str) -> bool:
    """Whether a relative POSIX path stays below the folder it is relative to."""
    return not set("\0\\") & set(path) and not {"", ".", ".."} & set(path.split("/"))


def _checksum(data: Mapping[str, Any]) -> str:
    """The sha256 of a record's content: its numbers are read without opening any file."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
