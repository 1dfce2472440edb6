"""Run one stage against a store: open its inputs, compute, commit. What every launcher calls, on every worker."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from w2s_ray.core.errors import CorruptRecord, W2SError
from w2s_ray.core.graph import Stage
from w2s_ray.core.record import Record
from w2s_ray.core.specs import Layout
from w2s_ray.stages.job import Job, Outcome
from w2s_ray.store import Attempt, Scratch, Store
from w2s_ray.store.backend import scratch_folder

if TYPE_CHECKING:
    from w2s_ray.training.worker import Worker

log = logging.getLogger(__name__)
PLAIN = ("split", "fresh", "labels")  # kinds that use no tensors, so that their worker needs no torch


class InputLost(W2SError):
    """The record of an input is missing or corrupt; it was set aside and has to be computed again."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key

    def __str__(self) -> str:
        return f"the input {self.key} is lost and has to be computed again"


@dataclass(frozen=True, kw_only=True)
class Errand:
    """All that a worker somewhere needs to compute a stage; it travels as a pickle between our own processes."""

    stage: Stage
    store: str
    layout: Layout = field(default_factory=Layout)
    places: Mapping[str, str] = field(default_factory=dict)
    alias: str = ""
    provenance: Mapping[str, Any] = field(default_factory=dict)


def run_stage(errand: Errand, worker: Worker | None = None) -> Record | None:
    """Compute a stage and commit it. Only the leading worker of several commits; the others return None."""
    store = Store(errand.store)
    leads = worker is None or worker.leads
    inputs, lineage = _open_inputs(store, errand.stage)
    started = time.monotonic()
    with _attempt(store, errand.stage.key, leads) as attempt:
        job = Job(
            stage=errand.stage,
            inputs=inputs,
            out=attempt.path,
            layout=errand.layout,
            places=errand.places,
            alias=errand.alias,
            checkpoints=_checkpoints(store, errand),
        )
        outcome = _function(errand.stage.kind)(job, worker)
        if not leads:
            return None
        record = store.commit(attempt, _record(errand, outcome, lineage, time.monotonic() - started))
    store.drop_checkpoints(errand.stage.key)
    log.info("done %s in %.1f s", errand.stage.key, record.seconds)
    return record


def _function(kind: str) -> Callable[[Job, Any], Outcome]:
    function: Callable[[Job, Any], Outcome] = import_module(f"w2s_ray.stages.{kind}").run
    return function


def _open_inputs(store: Store, stage: Stage) -> tuple[dict[str, Path], dict[str, dict[str, Any]]]:
    """Verified folders by role, and the lineage: which files, with which digests, were read."""
    folders, lineage = {}, {}
    for role, source in stage.inputs.items():
        record = store.find(source.key)
        if record is None:
            raise InputLost(source.key)
        try:
            folders[role] = store.open(record)
        except CorruptRecord as error:
            store.set_aside(source.key, str(error), attempt=record.attempt)
            raise InputLost(source.key) from error
        files = {name: file.sha256 for name, file in record.files.items()}
        lineage[role] = {"key": source.key, "files": files}
    return folders, lineage


@contextmanager
def _attempt(store: Store, key: str, leads: bool) -> Iterator[Attempt]:
    if leads:
        with store.building(key) as attempt:
            yield attempt
        return
    folder = scratch_folder()
    try:
        yield Attempt(key=key, name="", path=folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _checkpoints(store: Store, errand: Errand) -> Callable[[Worker], Scratch] | None:
    if not errand.layout.checkpoint_s:
        return None
    layout = errand.layout
    name = f"{layout.device} x{layout.world_size} zero={layout.zero_stage} offload={layout.offload}"

    def make(worker: Worker) -> Scratch:
        return Scratch(
            backend=store.backend,
            key=errand.stage.key,
            layout=name,
            rank=worker.rank,
            world_size=worker.world_size,
            barrier=worker.barrier,
        )

    return make


def _record(errand: Errand, outcome: Outcome, lineage: Mapping[str, Any], seconds: float) -> Record:
    return Record(
        key=errand.stage.key,
        identity=errand.stage.identity,
        attempt="",
        files={},
        inputs=lineage,
        metrics=outcome.metrics,
        facts=outcome.facts,
        layout=asdict(errand.layout),
        provenance=errand.provenance,
        seconds=round(seconds, 3),
        finished=datetime.now(UTC).isoformat(timespec="milliseconds"),
    )
