"""A sweep from a checked file to its MLflow experiment: plan, compute what is missing, publish.

Where nothing is missing, neither Ray nor Tune starts: questions are answered from the store.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from w2s_ray.core.errors import EnvironmentFault
from w2s_ray.core.graph import closure
from w2s_ray.execution.broker import CellResult
from w2s_ray.store import Store
from w2s_ray.sweep.nouns import Sweep
from w2s_ray.sweep.objective import Objective
from w2s_ray.sweep.plan import check_budget, make_plan
from w2s_ray.sweep.recorder import Recorder
from w2s_ray.sweep.search import Question, Questions, questions_of
from w2s_ray.sweep.work import Work, roles_of
from w2s_ray.tracking import Tracker, default_uri

log = logging.getLogger(__name__)
Progress = Callable[[Recorder], None]
FLUSH_S = 10.0  # without a single document taken: the server is away


@dataclass(frozen=True, kw_only=True)
class SweepResult:
    """How a sweep ended: whether every stage is there, its failures by stage key, and where it is recorded."""

    complete: bool
    failures: dict[str, str]
    tracking_uri: str


class Session:
    """What the backends share: the work, the questions, and the recorder that follows."""

    def __init__(self, work: Work, questions: Questions, recorder: Recorder, progress: Progress) -> None:
        self.work = work
        self.questions = questions
        self.recorder = recorder
        self.progress = progress
        self._known = set(work.arms)
        self._pending: Question | None = None

    def __reduce__(self) -> Any:
        """Ray Tune pickles its searcher into its own experiment state; a session does not travel."""
        return (str, ("a session stays in its process",))

    @property
    def sweep(self) -> Sweep:
        return self.work.sweep

    def next(self) -> Question | None:
        """The next question, with its arms taken into the work; None until answers come, or for good."""
        question, self._pending = self._pending or self.questions.next(), None
        if question is not None:
            new = [name for name in self.work.add(question.arms) if name not in self._known]
            if new:
                self._known.update(new)
                self.recorder.extend(new)
        return question

    @property
    def finished(self) -> bool:
        return self._pending is None and self.questions.finished

    def replay(self) -> None:
        """Answer from the store until a question needs something computed; that one is kept for a backend."""
        while (question := self.next()) is not None:
            records = self._records(question)
            if records is None:
                self._pending = question
                return
            self.questions.tell(question, self._answer(question, records))

    def _records(self, question: Question) -> dict[str, Any] | None:
        cells = [cell for arm in self.work.add(question.arms) for cell in self.work.arms[arm]]
        keys = {stage.key for stage in closure(s for cell in cells for s in roles_of(cell.stages))}
        records = Store(self.sweep.store).find_all(keys)
        return records if len(records) == len(keys) else None

    def _answer(self, question: Question, records: dict[str, Any]) -> float | None:
        objective = Objective()
        for arm in self.work.add(question.arms):
            for index, cell in enumerate(self.work.arms[arm]):
                metrics = {
                    role: dict(records[stage.key].metrics)
                    for role, stage in zip(("weak", "student", "ceiling"), roles_of(cell.stages), strict=True)
                }
                role = self.sweep.tasks[cell.cell.task].role
                objective.add(CellResult(index=index, metrics=metrics), counts=role == "dev")
        return objective.value


def run_sweep(
    sweep: Sweep, out: Path, *, address: str | None = None, progress: Progress = lambda recorder: None
) -> SweepResult:
    """Run a sweep to its end and record it in its MLflow experiment, by default a file in `out`.

    `address` joins a Ray cluster; without it one is started here, unless `resources.launcher` is `here`.
    """
    work = Work(sweep)
    plan = make_plan(work)
    check_budget(plan, sweep)
    uri = sweep.tracking_uri or default_uri(out)
    out.mkdir(parents=True, exist_ok=True)
    tracker = Tracker(uri, sweep.name, out / "spool.jsonl")
    try:
        recorder = Recorder(work, Store(sweep.store), tracker, records=plan.records)
        session = Session(work, questions_of(sweep), recorder, progress)
        try:
            compute(session, address)
        finally:
            recorder.finish()
            progress(recorder)
        drain(tracker)
    finally:
        waiting = tracker.close(timeout=0)
    if waiting:
        raise EnvironmentFault(
            f"{waiting} documents wait in {out / 'spool.jsonl'} for the tracking server; every finished stage is "
            "in the store: run the same command again when it answers"
        )
    return SweepResult(complete=recorder.is_complete, failures=recorder.failures, tracking_uri=uri)


def drain(tracker: Tracker) -> None:
    """Wait for the tracking server as long as it takes documents."""
    before = tracker.num_waiting + 1
    while tracker.num_waiting < before:
        before = tracker.num_waiting
        if tracker.flush(FLUSH_S):
            return


def compute(session: Session, address: str | None) -> None:
    """Answer every question, from the store as far as that goes, then on the backend the sweep asks for."""
    if session.sweep.search or session.recorder.is_complete:
        session.replay()
    if session.finished:
        return
    if session.sweep.resources.base.launcher == "here":
        from w2s_ray.sweep.local import run_local

        run_local(session)
    else:
        from w2s_ray.sweep.tuner import run_on_ray

        run_on_ray(session, address)
