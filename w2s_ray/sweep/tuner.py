"""A sweep on Ray: one light Tune trial per question, the broker beneath, events followed from the driver."""

from __future__ import annotations

import contextlib
import logging
import tempfile
import threading
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from w2s_ray.execution.faults import gist
from w2s_ray.execution.service import ON_HEAD, start_broker
from w2s_ray.sweep.cluster import check_room, cluster
from w2s_ray.sweep.search import Question
from w2s_ray.sweep.session import Session
from w2s_ray.sweep.trial import AskedArm

log = logging.getLogger(__name__)
MAX_TRIALS = 8  # at once; they only wait, and the broker knows all arms of a grid from the start


def run_on_ray(session: Session, address: str | None) -> None:
    """Answer every question on a Ray cluster: the one at `address` (or RAY_ADDRESS), else one started here."""
    with cluster(address) as joined:
        if not joined:
            check_room(session.work.orders(session.work.typical()))
        name = f"w2s-broker-{uuid.uuid4().hex[:8]}"
        broker = start_broker(
            name,
            session.work.store,
            num_stages=session.sweep.resources.max_concurrent,
            grows=joined,
        )
        with following(session, broker):
            _fit(session, name, broker)


@contextlib.contextmanager
def following(session: Session, broker: Any) -> Iterator[None]:
    """Feed the broker's events to the recorder while the body runs, to the last one."""
    stop, errors = threading.Event(), list[Exception]()

    def follow() -> None:
        try:
            _follow(session, broker, stop)
        except Exception as error:  # raised again in the driver, where it can be told
            log.error("what happens is not recorded any more: %s", error)
            errors.append(error)

    thread = threading.Thread(target=follow, name="w2s-events", daemon=True)
    thread.start()
    patience: float | None = None  # what has happened is recorded, however long that takes
    try:
        yield
    except BaseException:  # Ctrl-C: nothing new begins
        patience = 5
        _close(broker)
        raise
    finally:
        stop.set()
        thread.join(timeout=patience)
        _close(broker)
        _kill(broker)
    if errors:
        raise errors[0]


def _close(broker: Any) -> None:
    import ray
    from ray.exceptions import RayError

    with contextlib.suppress(RayError):  # the cluster may be gone; leases of the dead are taken over
        ray.get(broker.close.remote(), timeout=3)


def _kill(broker: Any) -> None:
    import ray
    from ray.exceptions import RayError

    with contextlib.suppress(RayError, ValueError):
        ray.kill(broker)


def _follow(session: Session, broker: Any, stop: threading.Event) -> None:
    import ray
    from ray.exceptions import RayError

    incarnation, seen = "", 0
    while True:
        stopping = stop.is_set()
        try:
            name, events = ray.get(broker.events_after.remote(seen), timeout=30)
        except RayError as error:
            log.warning("the broker does not answer: %s", gist(error))
            if stopping:
                return
            time.sleep(1)
            continue
        if name != incarnation:  # a new process: it knows no plan yet, and counts its events from 0
            incarnation, seen = name, 0
            tell_plan(session, broker)
            continue
        for event in events:
            session.recorder.see(event)
        seen += len(events)
        session.progress(session.recorder)
        if stopping and not events:
            return


def tell_plan(session: Session, broker: Any, arms: Iterable[str] | None = None) -> None:
    """Tell the broker of arms, by default of all that are known; it begins to compute them."""
    assignment = session.work.assignment(arms)
    broker.plan.remote(assignment.orders, assignment.cells)


def _fit(session: Session, name: str, broker: Any) -> None:
    from ray import tune
    from ray.tune import PlacementGroupFactory, RunConfig, TuneConfig, Tuner

    from w2s_ray.sweep.trial import trainable

    function = tune.with_parameters(trainable, broker=name)
    with tempfile.TemporaryDirectory(prefix="w2s-tune-", ignore_cleanup_errors=True) as storage:
        tuner = Tuner(
            tune.with_resources(function, PlacementGroupFactory([ON_HEAD])),
            tune_config=TuneConfig(
                search_alg=_searcher(session, broker),
                scheduler=_scheduler(session),
                num_samples=session.questions.num_trials,
                max_concurrent_trials=MAX_TRIALS,
                reuse_actors=True,
                metric="objective",
                mode="max",
                trial_dirname_creator=lambda trial: trial.trial_id,
            ),
            run_config=RunConfig(name="sweep", storage_path=storage, verbose=0),
        )
        results = tuner.fit()
    for number, error in enumerate(results.errors):
        session.recorder.failures[f"trial-{number}"] = str(error).splitlines()[-1]


def _scheduler(session: Session) -> Any:
    """Pruning, where a search asks for it: an arm stops when it is below the median at the same prefix."""
    from ray.tune.schedulers import FIFOScheduler, MedianStoppingRule

    if session.sweep.search is None or not session.sweep.search.prune:
        return FIFOScheduler()
    tasks = len(session.sweep.tasks)
    return MedianStoppingRule(time_attr="cells", grace_period=tasks, min_samples_required=3)


def _searcher(session: Session, broker: Any) -> Any:
    from ray.tune.search import Searcher

    class QuestionSearcher(Searcher):  # type: ignore[misc]
        """Hands the session's questions to Tune's trials, and their last objective back."""

        def __init__(self) -> None:
            super().__init__(metric="objective", mode="max")
            self._trials = Trials(session, broker)

        def suggest(self, trial_id: str) -> Any:
            arms = self._trials.ask(trial_id)
            if arms is None:
                return Searcher.FINISHED if session.finished else None
            return {"arms": arms}

        def on_trial_complete(self, trial_id: str, result: Any = None, error: bool = False) -> None:
            self._trials.take(trial_id, None if error else result)

        def save(self, checkpoint_path: str) -> None:
            """Nothing: the store of records is what a rerun replays from."""

        def restore(self, checkpoint_path: str) -> None:
            """Nothing to restore."""

    return QuestionSearcher()


class Trials:
    """The questions that Tune's trials are at, and what the broker has to know of them."""

    def __init__(self, session: Session, broker: Any) -> None:
        self._session = session
        self._broker = broker
        self._asked: dict[str, Question] = {}

    def __reduce__(self) -> Any:
        """Like the session, this stays in its process."""
        return (str, ("trials stay in their process",))

    def ask(self, trial_id: str) -> tuple[AskedArm, ...] | None:
        """The arms of the next question, which the broker begins to compute; None until answers come, or for good."""
        question = self._session.next()
        if question is None:
            return None
        self._asked[trial_id] = question
        arms = self._session.work.add(question.arms)
        if self._session.sweep.search is not None:  # of a grid it knows every arm from the start
            tell_plan(self._session, self._broker, arms)
        return tuple(AskedArm(name=arm, counts=self._session.work.counts(arm)) for arm in arms)

    def take(self, trial_id: str, result: Mapping[str, Any] | None) -> None:
        """Pass an answer on. What a pruned trial alone was waiting for is dropped by the broker."""
        question = self._asked.pop(trial_id, None)
        if question is None:
            return
        arms = self._session.work.add(question.arms)
        cells = result["cells"] if result else 0
        pruned_at = cells if cells < sum(len(self._session.work.arms[arm]) for arm in arms) else 0
        value = result["objective"] if result and result.get("defined") else None
        if pruned_at:
            asked = {arm for other in self._asked.values() for arm in self._session.work.add(other.arms)}
            for arm in set(arms) - asked:  # two trials may have come to the same arm
                self._broker.release.remote(arm)
        self._session.questions.tell(question, value, pruned_at=pruned_at)
