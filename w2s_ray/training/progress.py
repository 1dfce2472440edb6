"""How far a training has come, and how that travels in checkpoints: a resumed run gives the same numbers."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Protocol

import torch

from w2s_ray.training.engine import Engine, State
from w2s_ray.training.worker import Worker

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class CurvePoint:
    """One evaluation: after `step` steps, the mean loss since the last point, and accuracies if measured.

    `select_accuracy` is against the labels that the role may see (weak ones for a student), `test_accuracy`
    against the truth: it is recorded for the oracle rule and never chosen by.
    """

    step: int
    loss: float
    select_accuracy: float | None = None
    test_accuracy: float | None = None


class Checkpoints(Protocol):
    """Where the loop leaves its state; store.Scratch is one."""

    def save(self, step: int, write: Callable[[Path], None]) -> None: ...
    def latest(self) -> Path | None: ...


@dataclass
class Progress:
    """The state of a training beside the engine's; it travels in checkpoints."""

    step: int = 0
    losses: list[float] = field(default_factory=list)
    curve: list[CurvePoint] = field(default_factory=list)
    best_step: int = 0
    best_accuracy: float = -1.0
    best: State | None = None


def save(engine: Engine, progress: Progress, folder: Path) -> None:
    """Leave all of a training's state in `folder`: every worker its own, the leading one what is common."""
    engine.save(folder)
    if not engine.worker.leads:
        return
    state = {entry.name: getattr(progress, entry.name) for entry in fields(progress) if entry.name != "best"}
    state["curve"] = [asdict(point) for point in progress.curve]
    (folder / "progress.json").write_text(json.dumps(state))
    if progress.best is not None:
        torch.save(progress.best, folder / "best.pt")


def resume(engine: Engine, checkpoints: Checkpoints | None) -> Progress:
    """The progress of the newest checkpoint, its state loaded into the engine; a new one where there is none.

    Workers that do not see the same checkpoint begin anew together.
    """
    folder = checkpoints.latest() if checkpoints is not None else None
    try:
        state = _read(folder)
        if (
            not _agreed(engine.worker, -1 if state is None else state["step"])
            or folder is None
            or state is None
        ):
            return Progress()
        engine.restore(folder)
        log.info("resumed at step %d", state["step"])
        return Progress(**state)
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def _read(folder: Path | None) -> dict[str, Any] | None:
    if folder is None:
        return None
    state: dict[str, Any] = json.loads((folder / "progress.json").read_text())
    state["curve"] = [CurvePoint(**point) for point in state["curve"]]
    if (folder / "best.pt").exists():
        state["best"] = torch.load(folder / "best.pt", weights_only=True)
    return state


def _agreed(worker: Worker, step: int) -> bool:
    """Whether every worker found the checkpoint of the same step."""
    if worker.world_size == 1:
        return True
    steps_W = torch.zeros(worker.world_size, device=worker.device)
    steps_W[worker.rank] = step
    return len(set(worker.sum(steps_W).tolist())) == 1
