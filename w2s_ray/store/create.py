"""The one thing fsspec does not promise: create an object, content included, only where there is none.

fsspec's generic create mode is an exists-check, so each kind of storage brings its own. A kind that has none
here is refused, and so is a server that turns out not to honour it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from w2s_ray.core.errors import ConfigError

NETWORKED = ("s3", "s3a", "gs", "gcs")
_MEMORY_LOCK = threading.Lock()


def create_local(fs: Any, place: str, data: bytes) -> bool:
    target = Path(place)
    temporary = written_beside(target, data)
    try:
        os.link(temporary, target)  # atomic, and fails where the name is taken
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno in (errno.EPERM, errno.ENOTSUP):
            raise OSError(error.errno, "the file system has no hard links") from error
        raise
    finally:
        temporary.unlink(missing_ok=True)
    fsync(target.parent)
    return True


def create_memory(fs: Any, place: str, data: bytes) -> bool:
    with _MEMORY_LOCK:
        if fs.exists(place):
            return False
        fs.pipe_file(place, data)
        return True


def create_s3(fs: Any, place: str, data: bytes) -> bool:
    bucket, _, key = place.partition("/")
    try:
        fs.call_s3("put_object", Bucket=bucket, Key=key, Body=data, IfNoneMatch="*")
    except FileExistsError:  # s3fs's word for a failed If-None-Match
        return False
    return True


def create_gcs(fs: Any, place: str, data: bytes) -> bool:
    try:
        fs.pipe_file(place, data, mode="create")  # gcsfs: if_generation_match=0
    except FileExistsError:
        return False
    return True


# Each takes (file system, full path, content) and says whether it created the object.
CREATE: dict[str, Callable[[Any, str, bytes], bool]] = {
    "file": create_local,
    "local": create_local,
    "memory": create_memory,
    "s3": create_s3,
    "s3a": create_s3,
    "gs": create_gcs,
    "gcs": create_gcs,
}


def refuse_overwriting(fs: Any, protocol: str, root: str) -> None:
    """Raise ConfigError where a server lets a second conditional create succeed."""
    probe = f"{root}/scratch/probe-{uuid.uuid4().hex}"
    CREATE[protocol](fs, probe, b"first")
    try:
        overwritten = CREATE[protocol](fs, probe, b"second")
    except OSError:
        overwritten = False  # a server that answers 412 in words of its own
    with contextlib.suppress(OSError):
        fs.rm_file(probe)
    if overwritten:
        raise ConfigError(f"store {root}: the server ignores conditional writes; choose another store")


def fsync(path: Path) -> None:
    """Make a file's or a folder's content durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def written_beside(path: Path, data: bytes) -> Path:
    """A new durable file with this content in the folder of `path`, to be linked or moved there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f".tmp-{uuid.uuid4().hex}"
    try:
        with temporary.open("wb") as handle:
            handle.write(data)
            handle.flush()
            os.fsync(handle.fileno())
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary
