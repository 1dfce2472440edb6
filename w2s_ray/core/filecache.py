"""The sha256 of files on this machine, remembered by path, size, time of change and inode.

Weights and datasets are large and hardly ever change, and a plan names them again and again. One entry per
path under the user's cache folder, replaced in one step; an entry that is damaged or cannot be written costs
time only. A file that changed a moment ago is not remembered: it may change again within one tick of the file
system's clock, and its stamp would not show it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import tempfile
import time
from pathlib import Path

SETTLED_NS = 2_000_000_000
_SMALL = 65_536  # bytes below which hashing is quicker than asking
_DIGEST = re.compile(r"[0-9a-f]{64}")


def digest_of(path: str | Path) -> str:
    """The sha256 of a file's content, 64 hex digits."""
    path = Path(path)
    status = path.stat()
    if status.st_size < _SMALL:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    entry, stamp = _entry(path), _stamp(status)
    found = _recall(entry, stamp)
    if found is None:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
            settled = time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns) > SETTLED_NS
            if settled and _stamp(os.fstat(file.fileno())) == stamp:
                _remember(entry, stamp, found)
    return found


def cache_folder() -> Path:
    """Where this user's programs keep what can be computed again."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "w2s_ray"


def _stamp(status: os.stat_result) -> list[int]:
    """What tells one content from another without reading it; ctime moves even where a copy keeps mtime."""
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev]


def _entry(path: Path) -> Path:
    return cache_folder() / "digests" / hashlib.sha256(os.fsencode(path.resolve())).hexdigest()


def _recall(entry: Path, stamp: list[int]) -> str | None:
    try:
        known = json.loads(entry.read_bytes())
        if known["stamp"] == stamp and _DIGEST.fullmatch(known["sha256"]) and known["check"] == _check(known):
            return str(known["sha256"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        pass  # not seen before, or damaged
    return None


def _remember(entry: Path, stamp: list[int], sha256: str) -> None:
    known: dict[str, object] = {"stamp": stamp, "sha256": sha256}
    known["check"] = _check(known)
    with contextlib.suppress(OSError):  # a read-only home costs time, no more
        entry.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=entry.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(known, file)
            Path(name).replace(entry)
        except OSError:
            Path(name).unlink(missing_ok=True)


def _check(known: dict[str, object]) -> str:
    """Ties a digest to its stamp, so that a flipped bit in an entry is seen."""
    return hashlib.sha256(json.dumps([known["stamp"], known["sha256"]]).encode()).hexdigest()[:16]
