"""Digests of files: formats do not notice a flipped bit, so every artifact is hashed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from w2s_ray.core.errors import CorruptRecord
from w2s_ray.core.record import File


def digest_file(path: Path) -> File:
    """The sha256 and size of one file."""
    with path.open("rb") as handle:
        sha256 = hashlib.file_digest(handle, "sha256").hexdigest()
    return File(sha256=sha256, num_bytes=path.stat().st_size)


def digest_folder(folder: Path) -> dict[str, File]:
    """Every file below `folder` by relative POSIX path."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): digest_file(path) for path in files}


def matches(path: Path, expected: File) -> bool:
    """Whether a file is there and is what was recorded."""
    return path.is_file() and path.stat().st_size == expected.num_bytes and digest_file(path) == expected


def verify_folder(folder: Path, files: Mapping[str, File], *, place: str) -> None:
    """Raise CorruptRecord where a file of `files` is missing below `folder` or differs from its digest."""
    for name, expected in files.items():
        if not (folder / name).is_file():
            raise CorruptRecord(f"{place}/{name}: missing")
        if not matches(folder / name, expected):
            raise CorruptRecord(f"{place}/{name}: content does not match its digest")
