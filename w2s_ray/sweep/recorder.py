"""Follows a sweep: what has happened to each stage, and what of it goes to MLflow when.

One writer: every document of a sweep passes here, in the driver. A stage is published when it is done or found,
a cell when its three roles are.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable
from typing import Any

from w2s_ray.core.errors import CorruptRecord
from w2s_ray.core.graph import Stage, closure
from w2s_ray.core.record import Record
from w2s_ray.core.specs import Arm
from w2s_ray.execution.orders import Event
from w2s_ray.execution.provenance import provenance
from w2s_ray.store import Store
from w2s_ray.sweep.work import PlannedCell, Work, roles_of
from w2s_ray.tracking import Tracker, arm_run, cell_run, stage_run, sweep_run
from w2s_ray.tracking.publish import arm_id as arm_run_id
from w2s_ray.tracking.publish import cell_id

log = logging.getLogger(__name__)


class Recorder:
    """The state of a sweep's stages by key (`done`, `reused`, `failed`, `begun`), and its publication."""

    def __init__(self, work: Work, store: Store, tracker: Tracker, *, records: dict[str, Record]) -> None:
        self._work = work
        self._store = store
        self._tracker = tracker
        self._records = dict(records)
        self._published = tracker.published()
        self._computed: set[str] = set()
        self._started = time.monotonic()
        self.failures: dict[str, str] = {}
        self.states: dict[str, str] = dict.fromkeys(records, "reused")
        self._lock = threading.RLock()  # events come on a thread of their own, questions on the driver's
        self._stages: dict[str, Stage] = {}
        self._cells: dict[str, list[PlannedCell]] = {}
        self._open: dict[str, set[str]] = {}
        self._put_sweep(running=True)
        self.extend(work.arms)

    def extend(self, arms: Iterable[str]) -> None:
        """Take note of arms and publish what of them is already there."""
        with self._lock:
            self._extend(arms)

    def _extend(self, arms: Iterable[str]) -> None:
        planned = [cell for arm in arms for cell in self._work.arms[arm]]
        for arm in dict.fromkeys(cell.cell.arm.label for cell in planned):
            self._put_arm(next(cell.cell.arm for cell in planned if cell.cell.arm.label == arm))
        stages = closure(stage for cell in planned for stage in roles_of(cell.stages))
        self._stages |= {stage.key: stage for stage in stages}
        self._look_up([stage.key for stage in stages])
        for cell in planned:
            self._open[self._cell_id(cell)] = {
                stage.key for stage in (*roles_of(cell.stages), cell.stages.split)
            }
            for key in self._open[self._cell_id(cell)]:
                self._cells.setdefault(key, []).append(cell)
        for stage in stages:
            if stage.key in self._records:
                self._stage_is_there(stage.key)

    def see(self, event: Event) -> None:
        """Take an event of the broker in."""
        with self._lock:
            if event.key in self._stages:
                self._see(event)

    def _see(self, event: Event) -> None:
        if event.kind in ("done", "reused"):
            unsaid = self.states.get(event.key) == "begun"  # its broker died before it could say `done`
            if event.kind == "done" or unsaid:
                self._computed.add(event.key)
            self.states[event.key] = "done" if event.key in self._computed else "reused"
            self.failures.pop(event.key, None)
            self._stage_is_there(event.key)
            if event.key not in self.states:
                self.failures[event.key] = "its files were damaged and set aside; run the same command again"
        elif event.kind == "failed":
            self.states[event.key] = "failed"
            self.failures[event.key] = self._told(event)
        elif event.kind == "begun":
            self.states[event.key] = "begun"

    def _told(self, event: Event) -> str:
        """Why a stage failed, with the sweep's own name of its task where neither its key nor the cause has it."""
        stage = self._stages[event.key]
        alias = self._work.alias(stage)
        known = not alias or stage.label.startswith(f"{alias}-") or repr(alias) in event.cause
        return event.cause if known else f"task {alias!r}: {event.cause}"

    def finish(self) -> None:
        """Say how the sweep ended, with everything that was not published yet."""
        self._put_sweep(running=False)

    @property
    def is_complete(self) -> bool:
        """Whether every planned stage has a record."""
        return all(self.states.get(key) in ("done", "reused") for key in self._stages)

    @property
    def counts(self) -> dict[str, int]:
        """Stages: unique, reused, run and failed."""
        with self._lock:
            states = list(self.states.values())
        return {
            "unique": len(self._stages),
            "reused": states.count("reused"),
            "run": states.count("done"),
            "failed": states.count("failed"),
        }

    @property
    def num_running(self) -> int:
        """Stages that have begun and not ended."""
        with self._lock:
            return sum(state == "begun" for state in self.states.values())

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._started

    def _look_up(self, keys: Iterable[str]) -> None:
        """Which of these are in the store already."""
        unknown = [key for key in keys if key not in self._records and key not in self.states]
        found = self._store.find_all(unknown)
        self._records |= found
        self.states |= dict.fromkeys(found, "reused")

    def _stage_is_there(self, key: str) -> None:
        record = self._records.get(key) or self._store.find(key)
        if record is None:
            log.warning("the record of %s is gone", key)
            return
        if self._is_read(key) and not self._is_intact(key, record):
            return
        self._records[key] = record
        if f"stage/{key}" not in self._published:
            self._published.add(f"stage/{key}")
            self._tracker.put(self._run(key, record))
        for cell in self._cells.get(key, ()):
            waiting = self._open[self._cell_id(cell)]
            waiting.discard(key)
            if not waiting:
                self._put_cell(cell)

    def _is_read(self, key: str) -> bool:
        """Whether something of this stage is still to be published, so that its files will be read."""
        names = [f"stage/{key}", *(self._cell_id(cell) for cell in self._cells.get(key, ()))]
        return any(name not in self._published for name in names)

    def _is_intact(self, key: str, record: Record) -> bool:
        """Whether a record's files may be read; one that may not is set aside, and its stage is missing again."""
        try:
            self._store.open(record)
            return True
        except CorruptRecord as error:
            self._store.set_aside(key, str(error))
            self._records.pop(key, None)
            self.states.pop(key, None)
            return False

    def _run(self, key: str, record: Record) -> Any:
        reused = key not in self._computed
        return stage_run(self._work.sweep.name, self._stages[key], record, self._store, reused)

    def _put_cell(self, cell: PlannedCell) -> None:
        name = self._cell_id(cell)
        if name in self._published:
            return
        self._published.add(name)
        role = self._work.sweep.tasks[cell.cell.task].role
        run = cell_run(self._work.sweep.name, cell.cell, cell.stages, self._records, self._store, role)
        self._tracker.put(run)

    def _put_arm(self, arm: Arm) -> None:
        name = arm_run_id(self._work.sweep.name, arm)
        if name not in self._published:
            self._published.add(name)
            self._tracker.put(arm_run(self._work.sweep.name, arm))

    def _put_sweep(self, *, running: bool) -> None:
        self._tracker.put(
            sweep_run(
                self._work.sweep.name,
                cells=[(planned.cell, planned.stages) for planned in self._work.cells],
                complete=not running and self.is_complete,
                seconds=round(self.seconds, 3),
                stages=self.counts,
                failures=self.failures,
                versions=provenance()["versions"] | {"commit": provenance()["commit"]},
                running=running,
            )
        )

    def _cell_id(self, cell: PlannedCell) -> str:
        return cell_id(self._work.sweep.name, cell.cell, cell.stages)
