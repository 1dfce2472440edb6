"""Checkpoints of a stage that is still running, under the same protocol as records.

`scratch/<key>/step-<n>-<uuid>/` holds the files; `scratch/<key>/step-<n>.json`, created last, names the folder,
the digests and the layout they belong to. The newest one whose files match is used; everything else is ignored.
A checkpoint of another layout is not resumed: its numbers would differ.
"""

from __future__ import annotations

import json
import logging
import shutil
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from w2s_ray.core.errors import CorruptRecord
from w2s_ray.core.record import File
from w2s_ray.store.backend import Backend, scratch_folder
from w2s_ray.store.digests import digest_folder, verify_folder

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Scratch:
    """The checkpoints of one stage in one layout. With several ranks, each saves its own files."""

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
        for name in sorted(self._marks(), key=_step_of, reverse=True):
            try:
                return self._fetch(name)
            except (CorruptRecord, ValueError, KeyError, FileNotFoundError) as error:
                log.warning("checkpoint %s of %s is unusable: %s", name, self.key, error)
        return None

    def clear(self) -> None:
        """Remove every checkpoint of this stage."""
        self.backend.remove(f"scratch/{self.key}")

    def _marks(self) -> list[str]:
        names = self.backend.names(f"scratch/{self.key}")
        return [name for name in names if name.startswith("step-") and name.endswith(".json")]

    def _part(self, step: int, rank: int) -> str:
        return f"scratch/{self.key}/part-{step}-{rank}.json"

    def _upload(self, step: int, folder: Path) -> None:
        files = digest_folder(folder)
        place = f"step-{step}-{uuid.uuid4().hex}"
        for name in files:
            target = f"scratch/{self.key}/{place}/{name}"
            if self.backend.is_local:
                self.backend.local(target).parent.mkdir(parents=True, exist_ok=True)
            self.backend.upload(folder / name, target)
        part = {"place": place, "files": {name: asdict(file) for name, file in files.items()}}
        self.backend.write(self._part(step, self.rank), json.dumps(part).encode())

    def _publish(self, step: int) -> None:
        parts = [json.loads(self.backend.read(self._part(step, rank)) or b"") for rank in range(self.world_size)]
        mark = {"layout": self.layout, "parts": parts}
        older = [name for name in self.backend.names(f"scratch/{self.key}")]
        kept = {part["place"] for part in parts}
        self.backend.write(f"scratch/{self.key}/step-{step}.json", json.dumps(mark).encode())
        for name in older:
            if name not in kept and name != f"step-{step}.json":
                self.backend.remove(f"scratch/{self.key}/{name}")

    def _fetch(self, name: str) -> Path:
        mark = json.loads(self.backend.read(f"scratch/{self.key}/{name}") or b"")
        if mark["layout"] != self.layout:
            raise ValueError(f"it belongs to another layout ({mark['layout']})")
        folder = scratch_folder()
        for part in mark["parts"]:
            files = {path: File(**entry) for path, entry in part["files"].items()}
            for path in files:
                self.backend.download(f"scratch/{self.key}/{part['place']}/{path}", folder / path)
            verify_folder(folder, files, place=f"scratch/{self.key}/{part['place']}")
        return folder


def _step_of(name: str) -> int:
    return int(name.removeprefix("step-").removesuffix(".json"))
