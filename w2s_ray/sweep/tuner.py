"""A sweep on Ray: one light Tune trial per question, the broker beneath, events followed from the driver.

The only place that starts or joins a cluster.
"""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

from w2s_ray.core.errors import BudgetError, EnvironmentFault
from w2s_ray.execution.broker import Order
from w2s_ray.execution.service import ON_HEAD, start_broker
from w2s_ray.sweep.run import Session
from w2s_ray.sweep.search import Question

log = logging.getLogger(__name__)
MAX_TRIALS = 8  # at once; they only wait, and the broker knows all arms of a grid from the start
TEMP_VARIABLE = "W2S_RAY_TEMP"  # where a Ray of our own keeps its session, if not in /tmp/ray
ENVIRONMENT = {
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_TRAIN_V2_ENABLED": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Ctrl-C is the command line's
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
}


def run_on_ray(session: Session, address: str | None) -> None:
    """Answer every question on a Ray cluster: the one at `address` (or RAY_ADDRESS), else one started here."""
    with cluster(address) as joined:
        if not joined:
            check_room(session.work.orders(session.work.stages()))
        name = f"w2s-broker-{uuid.uuid4().hex[:8]}"
        broker = start_broker(
            name,
            session.sweep.store,
            num_stages=session.sweep.resources.max_concurrent,
            grows=joined,
        )
        with following(session, broker):
            _fit(session, name, broker)


def check_room(orders: Sequence[Order]) -> None:
    """Raise BudgetError where a stage asks for more than this cluster, which does not grow, will ever have."""
    import ray

    total = ray.cluster_resources()
    for order in orders:
        wanted = order.resources
        for name, one in (("CPU", wanted.cpus), ("GPU", wanted.gpus)):
            if one * wanted.workers > total.get(name, 0) + 1e-9:
                raise BudgetError(
                    f"{order.errand.stage.key} asks for {wanted.workers} × {one:g} {name}, this Ray has "
                    f"{total.get(name, 0):g}; change `resources` or join a cluster by --address"
                )


@contextlib.contextmanager
def cluster(address: str | None) -> Iterator[bool]:
    """A Ray connection; yields whether it joined a cluster that it does not own."""
    os.environ.update({name: os.environ.get(name, value) for name, value in ENVIRONMENT.items()})
    import ray

    address = address or os.environ.get("RAY_ADDRESS") or "local"
    local: dict[str, Any] = {}
    if address == "local":
        local = {"include_dashboard": False, "num_cpus": os.cpu_count()}
        local |= {"_temp_dir": temporary} if (temporary := os.environ.get(TEMP_VARIABLE)) else {}
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **local)
        logging.getLogger("ray.tune").setLevel(logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise EnvironmentFault(f"no Ray cluster at {address!r}: {error}") from error
    try:
        yield address != "local"
    finally:
        ray.shutdown()


@contextlib.contextmanager
def following(session: Session, broker: Any) -> Iterator[None]:
    """Feed the broker's events to the recorder while the body runs, to the last one."""
    import ray

    stop, errors = threading.Event(), list[Exception]()

    def follow() -> None:
        try:
            _follow(session, broker, stop)
        except Exception as error:  # raised again in the driver, where it can be told
            errors.append(error)

    thread = threading.Thread(target=follow, name="w2s-events", daemon=True)
    thread.start()
    try:
        yield
    except BaseException:  # Ctrl-C: nothing new begins
        _close(broker)
        raise
    finally:
        stop.set()
        thread.join(timeout=5)
        _close(broker)
        ray.kill(broker)
    if errors:
        raise errors[0]


def _close(broker: Any) -> None:
    import ray
    from ray.exceptions import RayError

    with contextlib.suppress(RayError):  # the cluster may be gone; leases of the dead are taken over
        ray.get(broker.close.remote(), timeout=3)


def _follow(session: Session, broker: Any, stop: threading.Event) -> None:
    import ray
    from ray.exceptions import RayError

    incarnation, seen = "", 0
    while True:
        stopping = stop.is_set()
        try:
            name, events = ray.get(broker.events_after.remote(seen), timeout=30)
        except RayError as error:
            log.warning("the broker does not answer: %s", str(error).splitlines()[0])
            if stopping:
                return
            time.sleep(1)
            continue
        if name != incarnation:  # a new process: it knows no plan yet, and counts its events from 0
            incarnation, seen = name, 0
            broker.plan.remote(session.work.orders(session.work.stages()), session.work.cell_stages())
            continue
        for event in events:
            session.recorder.see(event)
        seen += len(events)
        session.progress(session.recorder)
        if stopping and not events:
            return


def _fit(session: Session, name: str, broker: Any) -> None:
    from ray import tune
    from ray.tune import PlacementGroupFactory, RunConfig, TuneConfig, Tuner

    from w2s_ray.sweep.trial import trainable

    function = tune.with_parameters(trainable, work=session.work, broker=name)
    with tempfile.TemporaryDirectory(prefix="w2s-tune-", ignore_cleanup_errors=True) as storage:
        tuner = Tuner(
            tune.with_resources(function, PlacementGroupFactory([ON_HEAD])),
            tune_config=TuneConfig(
                search_alg=_searcher(session),
                scheduler=_scheduler(session),
                num_samples=session.questions.num_trials,
                max_concurrent_trials=MAX_TRIALS,
                reuse_actors=True,
                metric="objective",
                mode="max",
                trial_dirname_creator=lambda trial: trial.trial_id,
            ),
            run_config=RunConfig(
                name="sweep", storage_path=storage, verbose=0, callbacks=[_release(session, broker)]
            ),
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


def _searcher(session: Session) -> Any:
    from ray.tune.search import Searcher

    class QuestionSearcher(Searcher):  # type: ignore[misc]
        """Hands the session's questions to Tune's trials, and their last objective back."""

        def __init__(self) -> None:
            super().__init__(metric="objective", mode="max")
            self._asked: dict[str, Question] = {}

        def suggest(self, trial_id: str) -> Any:
            question = session.next()
            if question is None:
                return Searcher.FINISHED if session.finished else None
            self._asked[trial_id] = question
            return {"question": question}

        def on_trial_complete(self, trial_id: str, result: Any = None, error: bool = False) -> None:
            value = result["objective"] if result and result.get("defined") and not error else None
            session.questions.tell(self._asked.pop(trial_id), value)

        def save(self, checkpoint_path: str) -> None:
            """Nothing: the store of records is what a rerun replays from."""

        def restore(self, checkpoint_path: str) -> None:
            """Nothing to restore."""

    return QuestionSearcher()


def _release(session: Session, broker: Any) -> Any:
    from ray.tune import Callback

    class Release(Callback):  # type: ignore[misc]
        """Tells the broker that nobody waits for a pruned arm."""

        def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
            if session.sweep.search is None or not session.sweep.search.prune:
                return
            for arm in session.work.add(trial.config["question"].arms):
                broker.release.remote(arm)

    return Release()
