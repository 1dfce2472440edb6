"""Documents that the tracking server may not have yet: one JSON line each, on disk before they are sent.

A spool belongs to one process at a time; a second one takes the next free name, and whoever starts later
picks up what ended processes left. A torn line (its process died in a write) is left out: the record that it
told of is in the store.
"""

from __future__ import annotations

import fcntl
import logging
import os
from pathlib import Path
from typing import IO

from w2s_ray.tracking.runs import Run

log = logging.getLogger(__name__)


class Spool:
    """An append-only file of run documents, emptied when all of them are known to be applied."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path, self._file = _first_free(path)
        self._inherited = [other for other in _siblings(path) if other != self.path]

    def pending(self) -> list[Run]:
        """Documents left by earlier processes, in order; those of living ones are theirs."""
        found = _read(self._file, self.path)
        for other in self._inherited:
            found += self._adopt(other)
        return found

    def append(self, run: Run) -> None:
        """Write a document through to the disk; raises OSError where the disk does not take it."""
        self._file.write(run.to_json() + "\n")
        self._file.flush()
        os.fdatasync(self._file.fileno())

    def clear(self) -> None:
        """Forget everything: it is applied."""
        self._file.seek(0)
        self._file.truncate()

    def close(self) -> None:
        """Let go of the file; an empty one is removed."""
        empty = self.path.exists() and self.path.stat().st_size == 0
        if empty:
            self.path.unlink(missing_ok=True)
        self._file.close()

    def _adopt(self, other: Path) -> list[Run]:
        try:
            with other.open("a+", encoding="utf-8") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                runs = _read(file, other)
                for run in runs:
                    self.append(run)
                other.unlink()
                return runs
        except OSError:  # its process lives
            return []


def _first_free(path: Path) -> tuple[Path, IO[str]]:
    number = 0
    while True:
        candidate = path if not number else path.with_name(f"{path.stem}.{number}{path.suffix}")
        file = candidate.open("a+", encoding="utf-8")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if candidate.exists():  # not removed by its last owner in between
                return candidate, file
        except BlockingIOError:
            number += 1
        file.close()


def _siblings(path: Path) -> list[Path]:
    return [
        found for found in (path, *sorted(path.parent.glob(f"{path.stem}.*{path.suffix}"))) if found.exists()
    ]


def _read(file: IO[str], path: Path) -> list[Run]:
    file.seek(0)
    runs = []
    for number, line in enumerate(file, start=1):
        try:
            runs.append(Run.from_json(line))
        except ValueError:
            log.warning(
                "%s:%d is torn and left out; `w2s publish` rebuilds it from the store", path.name, number
            )
    return runs
