"""Where records live.

`<root>/<kind>/<label>-<digest12>/` holds attempts and, last of all, `record.json`, which names the attempt that
won and the digest of each of its files. Committed means: the record exists and the files match it. The record
is created conditionally, so of two writers the first wins and the late one loses cleanly; a lost race costs
time, never correctness. Nothing here assumes a local path.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from w2s_ray.core.errors import CorruptRecord
from w2s_ray.core.record import Record
from w2s_ray.store.backend import Backend, fsync, scratch_folder, storage_errors
from w2s_ray.store.digests import digest_folder, verify_folder

log = logging.getLogger(__name__)
RECORD = "record.json"


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
        self._cache = cache or Path(tempfile.gettempdir()) / "w2s-store-cache"

    def find(self, key: str) -> Record | None:
        """The record of a stage, or None. Its files are not checked until `open`."""
        return self.find_all([key]).get(key)

    def find_all(self, keys: Iterable[str]) -> dict[str, Record]:
        """The records that exist among `keys`; a record that cannot be read is set aside."""
        found = self.backend.read_many(f"{key}/{RECORD}" for key in keys)
        records = {}
        for path, data in found.items():
            key = path.removesuffix(f"/{RECORD}")
            try:
                records[key] = _parse(data, key=key, place=self.backend.full(path))
            except CorruptRecord as error:
                self.set_aside(key, str(error))
        return records

    def open(self, record: Record) -> Path:
        """A local folder with the record's files, each verified now; raises CorruptRecord."""
        place = f"{record.key}/{record.attempt}"
        if self.backend.is_local:
            folder = self.backend.local(place)
        else:
            folder = self._download(record, place)
        verify_folder(folder, record.files, place=self.backend.full(place))
        return folder

    @contextmanager
    def building(self, key: str) -> Iterator[Attempt]:
        """A fresh attempt; its folder is removed again unless it was committed."""
        name = f"attempt-{uuid.uuid4().hex}"
        if self.backend.is_local:
            path = self.backend.local(f"{key}/{name}")
            with storage_errors(str(path)):
                path.mkdir(parents=True)
        else:
            path = scratch_folder()
        try:
            yield Attempt(key=key, name=name, path=path)
        finally:
            if not self.backend.is_local or self._winner(key) != name:
                shutil.rmtree(path, ignore_errors=True)

    def commit(self, attempt: Attempt, record: Record) -> Record:
        """Make an attempt the result of its stage, or find that another one already is; returns the winner.

        `record` is completed here with the attempt's name and the digests of its files.
        """
        record = replace(record, attempt=attempt.name, files=digest_folder(attempt.path))
        self._persist(attempt, record)
        if self.backend.create(f"{attempt.key}/{RECORD}", record.to_json().encode()):
            return record
        winner = self.find(attempt.key)
        if winner is None:  # the record in the way was unreadable and is now set aside
            return self.commit(attempt, record)
        log.info("lost the race for %s to %s", attempt.key, winner.attempt)
        return winner

    def set_aside(self, key: str, reason: str) -> None:
        """Take a record out of use, keeping its files for inspection, so that the stage is computed again."""
        log.warning("set aside %s: %s", key, reason)
        try:
            self.backend.rename(f"{key}/{RECORD}", f"{key}/aside-{uuid.uuid4().hex[:12]}.json")
        except FileNotFoundError:
            log.info("%s was already set aside by someone else", key)

    def keys(self) -> list[str]:
        """Every key that has a record."""
        kinds = [kind for kind in self.backend.names("") if not kind.startswith((".", "scratch"))]
        keys = [f"{kind}/{name}" for kind in kinds for name in self.backend.names(kind)]
        return sorted(self.find_all(keys))

    def collect_garbage(self) -> list[str]:
        """Remove attempts that no record names and that nobody works on; returns what was removed."""
        from w2s_ray.store.lease import is_leased

        removed = []
        for kind in self.backend.names(""):
            for name in self.backend.names(kind) if kind != "scratch" else ():
                key = f"{kind}/{name}"
                if not is_leased(self.backend, key):
                    removed += self._remove_orphans(key)
        return removed

    def _remove_orphans(self, key: str) -> list[str]:
        winner = self._winner(key)
        orphans = [n for n in self.backend.names(key) if n.startswith(("attempt-", ".tmp-")) and n != winner]
        for name in orphans:
            self.backend.remove(f"{key}/{name}")
        return [f"{key}/{name}" for name in orphans]

    def _winner(self, key: str) -> str | None:
        record = self.find(key)
        return record.attempt if record else None

    def _persist(self, attempt: Attempt, record: Record) -> None:
        for name in record.files:
            if self.backend.is_local:
                with storage_errors(str(attempt.path / name)):
                    fsync(attempt.path / name)
            else:
                self.backend.upload(attempt.path / name, f"{attempt.key}/{attempt.name}/{name}")

    def _download(self, record: Record, place: str) -> Path:
        folder = self._cache / record.identity[:16] / record.attempt
        for name, file in record.files.items():
            target = folder / name
            if not target.is_file() or target.stat().st_size != file.num_bytes:
                partial = target.with_name(f"{target.name}.{uuid.uuid4().hex}")
                self.backend.download(f"{place}/{name}", partial)
                partial.replace(target)
        return folder


def _parse(data: bytes, *, key: str, place: str) -> Record:
    record = Record.from_json(data, place=place)
    if record.key != key or not key.endswith(record.identity[:12]):
        raise CorruptRecord(f"{place}: is the record of {record.key}")
    return record
