"""A verified local copy of a remote record's files.

The copies are a cache of this user on this machine: each file is hashed at every use, and one that was
damaged here, or on its way, is fetched once more before the store is blamed.
"""

from __future__ import annotations

import os
import tempfile
import uuid
from pathlib import Path

from w2s_ray.core.errors import CorruptRecord, EnvironmentFault
from w2s_ray.core.record import File, Record
from w2s_ray.store.backend import Backend
from w2s_ray.store.digests import matches
from w2s_ray.store.faults import full_disk_errors

_TRIES = 2


def default_cache() -> Path:
    """This user's folder among the machine's temporary files; refused where somebody else made it."""
    folder = Path(tempfile.gettempdir()) / f"w2s-store-cache-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise EnvironmentFault(f"{folder}: belongs to somebody else; remove it or set TMPDIR")
    return folder


def fetch(backend: Backend, record: Record, cache: Path) -> Path:
    """The folder that holds the record's files; raises CorruptRecord where the store's own are damaged."""
    folder = cache / record.identity[:16] / record.attempt
    for name, expected in record.files.items():
        path = f"{record.key}/{record.attempt}/{name}"
        if not matches(folder / name, expected) and not any(
            _fetched(backend, path, folder / name, expected) for _ in range(_TRIES)
        ):
            raise CorruptRecord(f"{backend.full(path)}: content does not match its digest")
    return folder


def _fetched(backend: Backend, path: str, target: Path, expected: File) -> bool:
    """Whether a download arrived as it was recorded; a connection that broke may have cut it short."""
    partial = target.with_name(f".tmp-{uuid.uuid4().hex}")
    try:
        with full_disk_errors(str(target)):
            backend.download(path, partial)
        if not matches(partial, expected):
            return False
        partial.replace(target)
        return True
    except FileNotFoundError:
        raise CorruptRecord(f"{backend.full(path)}: missing") from None
    finally:
        partial.unlink(missing_ok=True)
