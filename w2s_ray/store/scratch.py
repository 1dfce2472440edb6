"""Checkpoints of a stage that is still running, under the same protocol as records.

`scratch/<key>/step-<n>-<uuid>/` holds the files of one rank, `part-<n>-<rank>.json` their digests, and
`step-<n>.json`, created last, names all parts and the layout they belong to. The newest one whose files match
is used; everything else is ignored. A checkpoint of another layout is not resumed: its numbers would differ.
"""

from __future__ import annotations

import json
import logging
import re
import shutil
import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from w2s_ray.core.errors import CorruptRecord
from w2s_ray.core.record import File, is_inside
from w2s_ray.store.backend import Backend, scratch_folder
from w2s_ray.store.digests import digest_folder, verify_folder
from w2s_ray.store.faults import full_disk_errors

log = logging.getLogger(__name__)
_MARK = re.compile(r"step-(\d+)\.json")
_UNUSABLE = (
    CorruptRecord,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    FileNotFoundError,
    RecursionError,
)


@dataclass(frozen=True, kw_only=True)
class Scratch:
    """The checkpoints of one stage in one layout. With several ranks, each saves files of its own names."""

    backend: Backend
    key: str
    layout: str
    rank: int = 0
    world_size: int = 1
    barrier: Callable[[], None] = lambda: None

    def save(self, step: int, write: Callable[[Path], None]) -> None:
        """Let every rank write its files into a folder, then publish them as the state after `step` steps."""
        folder = scratch_folder()
        try:
            with full_disk_errors(str(folder)):
                write(folder)
            self._upload(step, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        self.barrier()
        if self.rank == 0:
            self._publish(step)
        self.barrier()

    def latest(self) -> Path | None:
        """A verified local copy of the newest checkpoint of all ranks, for the caller to remove; or None."""
        for step in sorted(self._steps(), reverse=True):
            try:
                return self._fetch(step)
            except _UNUSABLE as error:
                log.warning("the checkpoint at step %d of %s is unusable: %s", step, self.key, error)
        return None

    def clear(self) -> None:
        """Remove every checkpoint of this stage."""
        self.backend.remove(self._path())

    def _path(self, name: str = "") -> str:
        return f"scratch/{self.key}/{name}".rstrip("/")

    def _steps(self) -> list[int]:
        marks = map(_MARK.fullmatch, self.backend.names(self._path()))
        return [int(mark[1]) for mark in marks if mark]

    def _upload(self, step: int, folder: Path) -> None:
        files = digest_folder(folder)
        place = f"step-{step}-{uuid.uuid4().hex}"
        for name in files:
            self.backend.upload(folder / name, self._path(f"{place}/{name}"))
        part = {
            "layout": self.layout,
            "place": place,
            "files": {name: asdict(file) for name, file in files.items()},
        }
        self.backend.write(self._path(f"part-{step}-{self.rank}.json"), json.dumps(part).encode())

    def _publish(self, step: int) -> None:
        parts = [self._part(step, rank) for rank in range(self.world_size)]
        names = [name for part in parts for name in part["files"]]
        assert len(set(names)) == len(names), f"two ranks save a file of one name: {sorted(names)}"
        stale = self.backend.names(self._path())
        mark = f"step-{step}.json"
        self.backend.write(self._path(mark), json.dumps({"layout": self.layout, "parts": parts}).encode())
        kept = {mark, *(part["place"] for part in parts)}
        for name in sorted(stale, key=lambda name: not name.endswith(".json")):  # marks before what they name
            if name not in kept:
                self.backend.remove(self._path(name))

    def _part(self, step: int, rank: int) -> Mapping[str, Any]:
        path = self._path(f"part-{step}-{rank}.json")
        try:
            part: Mapping[str, Any] = json.loads(self.backend.read(path) or b"")
            if part["layout"] == self.layout:
                return part
        except _UNUSABLE as error:
            raise CorruptRecord(f"{self.backend.full(path)}: not what rank {rank} saved ({error})") from None
        raise CorruptRecord(f"{self.backend.full(path)}: saved in another layout ({part['layout']})")

    def _fetch(self, step: int) -> Path:
        mark = json.loads(self.backend.read(self._path(f"step-{step}.json")) or b"")
        if mark["layout"] != self.layout:
            raise ValueError(f"it belongs to another layout ({mark['layout']})")
        folder = scratch_folder()
        try:
            for part in mark["parts"]:
                self._fetch_part(part, folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return folder

    def _fetch_part(self, part: Mapping[str, Any], folder: Path) -> None:
        files = {path: File(**entry) for path, entry in part["files"].items()}
        for path in files:
            if not is_inside(path):
                raise CorruptRecord(f"names {path!r}, which is not below its folder")
            with full_disk_errors(str(folder)):
                self.backend.download(self._path(f"{part['place']}/{path}"), folder / path)
        verify_folder(folder, files, place=self.backend.full(self._path(part["place"])))
