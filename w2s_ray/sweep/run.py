"""A sweep from a checked file to its MLflow experiment: plan, compute what is missing, publish.

Where nothing is missing, neither Ray nor Tune starts: questions are answered from the store.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from w2s_ray.core.errors import ConfigError, EnvironmentFault
from w2s_ray.store import Store
from w2s_ray.sweep.nouns import Sweep
from w2s_ray.sweep.plan import check_budget, make_plan
from w2s_ray.sweep.recorder import Recorder
from w2s_ray.sweep.search import questions_of
from w2s_ray.sweep.session import Progress, Session
from w2s_ray.sweep.work import Work
from w2s_ray.tracking import Tracker, default_uri

FLUSH_S = 10.0  # without a single document taken: the server is away


@dataclass(frozen=True, kw_only=True)
class SweepResult:
    """How a sweep ended: whether every stage is there, its failures by stage key, and where it is recorded."""

    complete: bool
    failures: dict[str, str]
    tracking_uri: str


def run_sweep(
    sweep: Sweep, out: Path, *, address: str | None = None, progress: Progress = lambda recorder: None
) -> SweepResult:
    """Run a sweep to its end and record it in its MLflow experiment, by default a file in `out`.

    `address` joins a Ray cluster; without it one is started here, unless `resources.launcher` is `here`.
    """
    work = Work(sweep)
    check_store(work)
    plan = make_plan(work)
    check_budget(plan, sweep)
    uri = sweep.tracking_uri or default_uri(out)
    out.mkdir(parents=True, exist_ok=True)
    tracker = Tracker(uri, sweep.name, out / "spool.jsonl")
    try:
        recorder = Recorder(work, Store(work.store), tracker, records=plan.records)
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


def check_store(work: Work) -> None:
    """Raise ConfigError where the processes of a cluster would not see what each other finishes."""
    if work.store.startswith("memory:") and not runs_here(work.sweep):
        raise ConfigError(
            f"store = {work.store!r}: the memory of one process, which Ray's workers do not share; give a path or "
            "a bucket, or set resources.launcher: here"
        )


def runs_here(sweep: Sweep) -> bool:
    """Whether the sweep is computed in this process, without Ray."""
    return sweep.resources.base.launcher == "here"


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
    if runs_here(session.sweep):
        from w2s_ray.sweep.local import run_local

        run_local(session)
    else:
        from w2s_ray.sweep.tuner import run_on_ray

        run_on_ray(session, address)
