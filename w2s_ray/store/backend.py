"""Bytes under a URL: a thin face over fsspec, whose failures name the place and the next step.

Local disks go through the standard library, for durability and speed; everything else through fsspec, without
its listing caches, which know nothing of other writers.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fsspec

from w2s_ray.core.errors import ConfigError
from w2s_ray.store.create import CREATE, NETWORKED, fsync, refuse_overwriting, written_beside
from w2s_ray.store.faults import redact, storage_errors

_ABSENT = (FileNotFoundError, NotADirectoryError, IsADirectoryError)
_PAUSES_S = (0.2, 1.0)  # between tries of a conditional create over a network
_READERS = 16


class Backend:
    """Reads, writes and lists objects below one root URL. Paths are relative POSIX paths."""

    def __init__(self, url: str) -> None:
        _refuse_unknown(url)
        try:
            self.fs, root = fsspec.core.url_to_fs(url, use_listings_cache=False)
        except (ValueError, ImportError) as error:
            raise ConfigError(f"store {redact(url)!r}: {error}; install the extra that serves it") from None
        self.root = str(root).rstrip("/")
        self.url = url
        protocol = self.fs.protocol
        self.protocol = protocol if isinstance(protocol, str) else protocol[0]
        if not self.is_local and set("*?[") & set(self.root):
            raise ConfigError(f"store {redact(url)!r}: a remote store's path cannot hold any of * ? [")
        self._trusted = self.protocol not in NETWORKED

    @property
    def is_local(self) -> bool:
        return self.protocol in ("file", "local")

    def full(self, path: str) -> str:
        return f"{self.root}/{path}"

    def local(self, path: str) -> Path:
        """The path on this machine; only where `is_local`."""
        return Path(self.full(path))

    def create(self, path: str, data: bytes) -> bool:
        """Create the object with this content, atomically; False where another one already exists.

        `data` must name its writer: a call that was executed though it reported an error, or was repeated by
        a client below, is known by its content.
        """
        with storage_errors(self.full(path)):
            if not self._trusted:
                refuse_overwriting(self.fs, self.protocol, self.root)
                self._trusted = True
            return self._created(path, data) or self.read(path) == data

    def write(self, path: str, data: bytes) -> None:
        """Create or overwrite (last writer wins); a reader never sees a part of it."""
        with storage_errors(self.full(path)):
            if self.is_local:
                written_beside(self.local(path), data).replace(self.local(path))
            else:
                self.fs.pipe_file(self.full(path), data)

    def read(self, path: str) -> bytes | None:
        """The object's bytes, or None where there is none; any other failure raises."""
        with storage_errors(self.full(path), "read"):
            try:
                return (
                    self.local(path).read_bytes()
                    if self.is_local
                    else bytes(self.fs.cat_file(self.full(path)))
                )
            except _ABSENT:
                return None

    def read_many(self, paths: Iterable[str]) -> dict[str, bytes]:
        """The objects that exist among `paths`, fetched side by side."""
        paths = list(paths)
        if self.is_local or len(paths) < 2:
            found = [self.read(path) for path in paths]
        else:
            with ThreadPoolExecutor(min(_READERS, len(paths))) as pool:
                found = list(pool.map(self.read, paths))
        return {path: data for path, data in zip(paths, found, strict=True) if data is not None}

    def upload(self, source: Path, path: str) -> None:
        """Copy a file of this machine to a path that nobody reads yet."""
        with storage_errors(self.full(path)):
            if not self.is_local:
                self.fs.put_file(str(source), self.full(path))
                return
            self.local(path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, self.local(path))
            fsync(self.local(path))

    def download(self, path: str, target: Path) -> None:
        """Copy an object to this machine; FileNotFoundError where there is none."""
        target.parent.mkdir(parents=True, exist_ok=True)
        with storage_errors(self.full(path), "read", passing=(FileNotFoundError,)):
            if self.is_local:
                shutil.copyfile(self.local(path), target)
            else:
                self.fs.get_file(self.full(path), str(target))

    def names(self, path: str) -> list[str]:
        """Names directly below `path`, sorted; empty where there is nothing."""
        place = self.full(path).rstrip("/")
        with storage_errors(place, "read"):
            try:
                if self.is_local:
                    return sorted(entry.name for entry in Path(place or "/").iterdir())
                entries = [str(entry).rstrip("/") for entry in self.fs.ls(place or "/", detail=False)]
            except _ABSENT:
                return []
        return sorted({entry.rsplit("/", 1)[-1] for entry in entries if entry != place})

    def remove(self, path: str) -> None:
        """Remove an object or a folder; nothing happens where there is none."""
        with storage_errors(self.full(path)):
            if self.is_local:
                _remove_local(self.local(path))
                return
            try:
                self.fs.rm(self.full(path), recursive=True)
            except FileNotFoundError:
                return

    def rename(self, path: str, target: str) -> None:
        """Move one small object; FileNotFoundError where there is none."""
        if self.is_local:
            with storage_errors(self.full(path), passing=(FileNotFoundError,)):
                self.local(path).replace(self.local(target))
            return
        data = self.read(path)
        if data is None:
            raise FileNotFoundError(self.full(path))
        self.write(target, data)
        self.remove(path)

    def _created(self, path: str, data: bytes) -> bool:
        pauses = iter(_PAUSES_S if self.protocol in NETWORKED else ())
        while True:
            try:
                return CREATE[self.protocol](self.fs, self.full(path), data)
            except Exception:
                if self.is_local:
                    raise
                if self.read(path) is not None:
                    return False  # it is there: whose it is, its content says
                pause = next(pauses, None)
                if pause is None:
                    raise
                time.sleep(pause)


def scratch_folder() -> Path:
    """A new empty folder on this machine, for work that will be uploaded or thrown away."""
    return Path(tempfile.mkdtemp(prefix="w2s-"))


def _refuse_unknown(url: str) -> None:
    """Refuse a protocol, or a chain of them, before any connection is made."""
    protocol = fsspec.utils.get_protocol(url)
    if protocol not in CREATE or "::" in url:
        raise ConfigError(
            f"store {redact(url)!r}: no verified conditional create for {protocol!r}; "
            f"use one of {', '.join(sorted(CREATE))}"
        )


def _remove_local(path: Path) -> None:
    for _ in range(3):  # someone else may be removing the same folder
        try:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
            return
        except FileNotFoundError:
            if not os.path.lexists(path):
                return
    shutil.rmtree(path)
