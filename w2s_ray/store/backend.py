"""Bytes under a URL: a thin face over fsspec with the one thing fsspec does not promise, a conditional create.

The store's protocol needs "create this object only if it is not there" to be atomic, content included. fsspec's
generic create mode is an exists-check, so each kind of storage brings its own; a kind that has none verified
here is refused.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import fsspec

from w2s_ray.core.errors import ConfigError, EnvironmentFault

_MEMORY_LOCK = threading.Lock()
_CONFLICTS = ("PreconditionFailed", "ConditionalRequestConflict", "412", "409")


class Backend:
    """Reads, writes and lists objects below one root URL. Paths are relative POSIX paths."""

    def __init__(self, url: str) -> None:
        try:
            self.fs, root = fsspec.core.url_to_fs(url)
        except (ValueError, ImportError) as error:
            raise ConfigError(f"store {redact(url)!r}: {error}; install the extra that serves it") from None
        self.root = str(root).rstrip("/")
        self.url = url
        protocol = self.fs.protocol
        self.protocol = protocol if isinstance(protocol, str) else protocol[0]
        if self.protocol not in _CREATE:
            raise ConfigError(
                f"store {redact(url)!r}: no verified conditional create for {self.protocol!r}; "
                f"use one of {', '.join(sorted(_CREATE))}"
            )

    @property
    def is_local(self) -> bool:
        return self.protocol in ("file", "local")

    def full(self, path: str) -> str:
        return f"{self.root}/{path}"

    def local(self, path: str) -> Path:
        """The path on this machine; only where `is_local`."""
        return Path(self.full(path))

    def create(self, path: str, data: bytes) -> bool:
        """Create the object with this content, atomically; False where it already exists."""
        with storage_errors(self.full(path)):
            return bool(_CREATE[self.protocol](self, path, data))

    def write(self, path: str, data: bytes) -> None:
        """Create or overwrite (last writer wins); a reader never sees a part of it on local disks."""
        with storage_errors(self.full(path)):
            if self.is_local:
                os.replace(_written_beside(self.local(path), data), self.local(path))
            else:
                self.fs.pipe_file(self.full(path), data)

    def read(self, path: str) -> bytes | None:
        """The object's bytes, or None where there is none."""
        try:
            return bytes(self.fs.cat_file(self.full(path)))
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None

    def read_many(self, paths: Iterable[str]) -> dict[str, bytes]:
        """The objects that exist among `paths`, fetched together."""
        paths = list(paths)
        if self.is_local:
            found = {path: self.read(path) for path in paths}
            return {path: data for path, data in found.items() if data is not None}
        full = {self.full(path): path for path in paths}
        fetched = self.fs.cat(list(full), on_error="omit") if full else {}
        return {full[name]: bytes(data) for name, data in fetched.items()}

    def upload(self, source: Path, path: str) -> None:
        with storage_errors(self.full(path)):
            self.fs.put_file(str(source), self.full(path))

    def download(self, path: str, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        self.fs.get_file(self.full(path), str(target))

    def names(self, path: str) -> list[str]:
        """Names directly below `path`, sorted; empty where there is nothing."""
        self.fs.invalidate_cache()
        try:
            entries = self.fs.ls(self.full(path), detail=False)
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted(str(entry).rstrip("/").rsplit("/", 1)[-1] for entry in entries)

    def remove(self, path: str) -> None:
        """Remove an object or a folder; nothing happens where there is none."""
        with contextlib.suppress(FileNotFoundError):
            self.fs.rm(self.full(path), recursive=True)

    def rename(self, path: str, target: str) -> None:
        self.fs.mv(self.full(path), self.full(target))


def redact(url: str) -> str:
    """A URL without its user and password."""
    scheme, separator, rest = url.partition("://")
    return f"{scheme}{separator}{rest.rsplit('@', 1)[-1]}" if separator else url


@contextlib.contextmanager
def storage_errors(place: str) -> Any:
    """Turn a full or read-only disk into an error that names the place and the next step."""
    try:
        yield
    except OSError as error:
        if isinstance(error, FileExistsError | FileNotFoundError):
            raise
        raise EnvironmentFault(
            f"{redact(place)}: cannot write ({error.strerror or error}); make room or choose another store, "
            "then run the same command again: finished stages are kept"
        ) from error


def fsync(path: Path) -> None:
    """Make a file's or a folder's content durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _written_beside(path: Path, data: bytes) -> Path:
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


def _create_local(backend: Backend, path: str, data: bytes) -> bool:
    target = backend.local(path)
    temporary = _written_beside(target, data)
    try:
        os.link(temporary, target)  # atomic, and fails where the name is taken
    except FileExistsError:
        return False
    finally:
        temporary.unlink(missing_ok=True)
    fsync(target.parent)
    return True


def _create_memory(backend: Backend, path: str, data: bytes) -> bool:
    with _MEMORY_LOCK:
        if backend.fs.exists(backend.full(path)):
            return False
        backend.fs.pipe_file(backend.full(path), data)
        return True


def _create_s3(backend: Backend, path: str, data: bytes) -> bool:
    bucket, _, key = backend.full(path).partition("/")
    try:
        backend.fs.call_s3("put_object", Bucket=bucket, Key=key, Body=data, IfNoneMatch="*")
    except Exception as error:  # botocore's ClientError, translated by s3fs to one of several OSErrors
        if isinstance(error, FileExistsError) or any(mark in repr(error) for mark in _CONFLICTS):
            return False
        raise
    return True


def _create_gcs(backend: Backend, path: str, data: bytes) -> bool:
    try:
        backend.fs.pipe_file(backend.full(path), data, mode="create")  # gcsfs: if_generation_match=0
    except FileExistsError:
        return False
    return True


_CREATE = {
    "file": _create_local,
    "local": _create_local,
    "memory": _create_memory,
    "s3": _create_s3,
    "gs": _create_gcs,
    "gcs": _create_gcs,
}


def scratch_folder() -> Path:
    """A new empty folder on this machine, for work that will be uploaded or thrown away."""
    return Path(tempfile.mkdtemp(prefix="w2s-"))
