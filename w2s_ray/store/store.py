"""Where records live.

`<root>/<kind>/<label>-<digest12>/` holds attempts and, last of all, `record.json`, which names the attempt
that won and the digest of each of its files. Committed means: the record exists and the files match it. The
record is created conditionally, so of two writers the first wins and the late one loses cleanly; a lost race
costs time, never correctness. Nothing here assumes a local path.
"""

from __future__ import annotations

import logging
import shutil
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from w2s_ray.core.errors import CorruptRecord, EnvironmentFault
from w2s_ray.core.record import Record
from w2s_ray.store.backend import Backend, scratch_folder
from w2s_ray.store.create import fsync
from w2s_ray.store.digests import digest_folder, verify_folder
from w2s_ray.store.download import default_cache, fetch
from w2s_ray.store.faults import full_disk_errors, storage_errors
from w2s_ray.store.lease import is_leased

log = logging.getLogger(__name__)
RECORD = "record.json"
_LEFT_S = 3600.0  # a file that was being written this long ago belongs to nobody


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One try at a stage: fill `path`, a local folder, then commit it."""

    key: str
    name: str
    path: Path


class Store:
    """Committed results of stages under one fsspec URL (a path, `memory://…`, `s3://…`, `gs://…`)."""

    def __init__(self, url: str | Path, *, cache: Path | None = None) -> None:
        self.url = str(url)
        self.backend = Backend(self.url)
        self._cache = cache

    def find(self, key: str) -> Record | None:
        """The record of a stage, or None. Its files are not checked until `open`."""
        return self.find_all([key]).get(key)

    def find_all(self, keys: Iterable[str], *, look_only: bool = False) -> dict[str, Record]:
        """The records that exist among `keys`; one that cannot be understood is set aside, or only left out."""
        records = {}
        for path, data in self.backend.read_many(f"{key}/{RECORD}" for key in keys).items():
            key = path.removesuffix(f"/{RECORD}")
            try:
                records[key] = _parse(data, key=key, place=self.backend.full(path))
            except CorruptRecord as error:
                if not look_only:
                    self._put_aside(key, str(error), data)
        return records

    def open(self, record: Record) -> Path:
        """A local folder with the record's files, each verified now; raises CorruptRecord."""
        if not self.backend.is_local:
            return fetch(self.backend, record, self._cache or default_cache())
        place = f"{record.key}/{record.attempt}"
        with storage_errors(self.backend.full(place), "read"):
            verify_folder(self.backend.local(place), record.files, place=self.backend.full(place))
        return self.backend.local(place)

    @contextmanager
    def building(self, key: str) -> Iterator[Attempt]:
        """A fresh attempt; what it left is removed again unless it was committed."""
        name = f"attempt-{uuid.uuid4().hex}"
        path = self._folder(f"{key}/{name}")
        try:
            with full_disk_errors(str(path)):
                yield Attempt(key=key, name=name, path=path)
        finally:
            self._tidy(key, name, path)

    def commit(self, attempt: Attempt, record: Record) -> Record:
        """Make an attempt the result of its stage, or find that another one already is; returns the winner.

        `record` is completed here with the attempt's name and the digests of its files.
        """
        record = replace(record, attempt=attempt.name, files=digest_folder(attempt.path))
        data = record.to_json().encode()
        self._persist(attempt, record)
        for _ in range(3):
            if self.backend.create(f"{attempt.key}/{RECORD}", data):
                return record
            winner = self.find(attempt.key)
            if winner is not None:
                log.info("lost the race for %s to %s", attempt.key, winner.attempt)
                return winner
            # the record in the way could not be understood and is now set aside
        place = self.backend.full(f"{attempt.key}/{RECORD}")
        raise EnvironmentFault(f"{place}: can neither be created nor read; check the storage, then run again")

    def set_aside(self, key: str, reason: str, *, attempt: str = "") -> None:
        """Take a record out of use, keeping its files for inspection, so that the stage is computed again.

        With `attempt`, only a record that names it: by now there may be a new one.
        """
        data = self.backend.read(f"{key}/{RECORD}")
        if data is None or (attempt and attempt.encode() not in data):
            log.info("%s was already set aside by someone else", key)
        else:
            self._put_aside(key, reason, data)

    def drop_checkpoints(self, key: str) -> None:
        """Remove what a finished stage saved on its way; where that fails, `collect_garbage` does it later."""
        try:
            self.backend.remove(f"scratch/{key}")
        except EnvironmentFault as error:
            log.warning("left the checkpoints of %s behind: %s", key, error)

    def keys(self) -> list[str]:
        """Every key that has a record."""
        return sorted(self.find_all(self._folders()))

    def collect_garbage(self) -> list[str]:
        """Remove attempts and leases that nobody works on, and checkpoints of finished stages.

        Returns what was removed. What a record names is kept, and all beside a record that makes no sense.
        """
        removed = []
        for key in self._folders():
            removed += self._remove_orphans(key)
        for key in self._folders("scratch/"):
            if not is_leased(self.backend, key) and self.backend.read(f"{key}/{RECORD}") is not None:
                self.backend.remove(f"scratch/{key}")
                removed.append(f"scratch/{key}")
        return removed

    def _folders(self, below: str = "") -> list[str]:
        kinds = [kind for kind in self.backend.names(below) if kind != "scratch" and not kind.startswith(".")]
        return [f"{kind}/{name}" for kind in kinds for name in self.backend.names(f"{below}{kind}")]

    def _remove_orphans(self, key: str) -> list[str]:
        names = self.backend.names(key)  # first of all: whoever begins after this has other names
        try:
            if is_leased(self.backend, key):
                return []
            winner = self._winner(key)
        except CorruptRecord:
            return []
        left = ("attempt-", "lease-", "beat-")
        orphans = [name for name in names if name.startswith(left) and name != winner]
        orphans += [name for name in names if name.startswith(".tmp-") and self._is_old(f"{key}/{name}")]
        for name in orphans:
            self.backend.remove(f"{key}/{name}")
        return [f"{key}/{name}" for name in orphans]

    def _is_old(self, path: str) -> bool:
        try:
            return time.time() - self.backend.local(path).stat().st_mtime > _LEFT_S
        except FileNotFoundError:
            return False

    def _winner(self, key: str) -> str | None:
        data = self.backend.read(f"{key}/{RECORD}")
        return None if data is None else _parse(data, key=key, place=self.backend.full(key)).attempt

    def _put_aside(self, key: str, reason: str, data: bytes) -> None:
        """Set aside the record that has this content, unless another one took its place meanwhile."""
        if self.backend.read(f"{key}/{RECORD}") != data:
            return
        log.warning("set aside %s: %s", key, reason)
        try:
            self.backend.rename(f"{key}/{RECORD}", f"{key}/aside-{uuid.uuid4().hex[:12]}.json")
        except FileNotFoundError:
            log.info("%s was already set aside by someone else", key)

    def _folder(self, place: str) -> Path:
        if not self.backend.is_local:
            return scratch_folder()
        path = self.backend.local(place)
        with storage_errors(str(path)):
            path.mkdir(parents=True)
        return path

    def _tidy(self, key: str, name: str, path: Path) -> None:
        """Remove an attempt that did not win; where the storage cannot say, `collect_garbage` will."""
        if not self.backend.is_local:
            shutil.rmtree(path, ignore_errors=True)
        try:
            if self._winner(key) != name:
                self.backend.remove(f"{key}/{name}")
        except (CorruptRecord, EnvironmentFault) as error:
            log.warning("left %s/%s behind: %s", key, name, error)

    def _persist(self, attempt: Attempt, record: Record) -> None:
        """Make the files, and the names on the way to them, durable before the record is."""
        if not self.backend.is_local:
            for name in record.files:
                self.backend.upload(attempt.path / name, f"{attempt.key}/{attempt.name}/{name}")
            return
        files = [attempt.path / name for name in record.files]
        folders = [path for path in attempt.path.rglob("*") if path.is_dir()]
        for path in (*files, *folders, attempt.path, *list(attempt.path.parents)[:3]):
            with storage_errors(str(path)):
                fsync(path)


def _parse(data: bytes, *, key: str, place: str) -> Record:
    record = Record.from_json(data, place=place)
    if record.key != key or not key.endswith(record.identity[:12]):
        raise CorruptRecord(f"{place}: is the record of {record.key}")
    return record
