"""The one writer of a sweep: documents go to disk at once and to MLflow when it answers.

`put` neither blocks on the server nor raises when it is away; the sweep goes on, and the documents wait in
the spool until the server is back, in this process or in the next one.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from pathlib import Path

from w2s_ray.core.errors import ConfigError
from w2s_ray.tracking.apply import Session
from w2s_ray.tracking.client import is_gone, is_refusal, public, without_secrets
from w2s_ray.tracking.runs import Run
from w2s_ray.tracking.spool import Spool

log = logging.getLogger(__name__)
_LONGEST_WAIT_S = 30.0


class Tracker:
    """Writes run documents into one experiment from one thread, each exactly once."""

    def __init__(self, uri: str, experiment: str, spool: Path) -> None:
        self._uri, self._experiment = uri, experiment
        self._spool = Spool(spool)
        self._queue: deque[Run] = deque(self._spool.pending())
        self._unsure = {
            run.id for run in self._queue
        }  # an attempt may have been made that we know nothing of
        self._session: Session | None = None
        self._lock = threading.Lock()  # queue, spool
        self._talking = threading.Lock()  # session
        self._wake, self._idle = threading.Event(), threading.Event()
        self._closing = False
        self._down = False
        self.refused: list[str] = []
        if not self._queue:
            self._idle.set()
        self._thread = threading.Thread(target=self._work, name="tracking", daemon=True)
        self._thread.start()

    def put(self, run: Run) -> None:
        """Take a document. It is on disk when this returns, and in MLflow when the server has answered."""
        with self._lock:
            try:
                self._spool.append(run)
            except OSError as error:
                log.warning(
                    "spool %s: %s; %s is kept in memory only", self._spool.path, error.strerror, run.id
                )
            self._queue.append(run)
            self._idle.clear()
        self._wake.set()

    def published(self) -> set[str]:
        """Ids that are completely in the experiment; empty where the server does not answer."""
        try:
            with self._talking:
                return self._connected().published()
        except ConfigError:
            raise
        except Exception as error:
            self._report_outage(error)
            return set()

    @property
    def num_waiting(self) -> int:
        """Documents that are not in MLflow yet."""
        return len(self._queue)

    def flush(self, timeout: float = 30.0) -> bool:
        """Wait until everything is in MLflow; False where it is not so within `timeout` seconds."""
        self._wake.set()
        return self._idle.wait(timeout)

    def close(self, timeout: float = 30.0) -> int:
        """Flush and stop. Returns how many documents wait in the spool for the next start."""
        self.flush(timeout)
        self._closing = True
        self._wake.set()
        self._thread.join(timeout=25.0)  # one bounded call may be under way
        with self._lock:
            left = len(self._queue)
            self._spool.close()
        if left:
            log.warning("%d documents wait in %s for the tracking server", left, self._spool.path)
        return left

    def _work(self) -> None:
        wait = 1.0
        while not self._closing:
            run = self._queue[0] if self._queue else None
            if run is None:
                self._wake.wait()
                self._wake.clear()
            elif self._attempt(run):
                self._done()
                wait = 1.0
            else:
                self._wake.clear()
                self._wake.wait(wait)
                wait = min(2 * wait, _LONGEST_WAIT_S)

    def _attempt(self, run: Run) -> bool:
        """Whether the document is dealt with: applied, or refused for good."""
        try:
            with self._talking:
                self._connected().apply(run, sure=run.id not in self._unsure)
            self._report_recovery()
            return True
        except Exception as error:  # whatever the server or its client does must not end a sweep
            self._unsure.add(run.id)
            if is_gone(error):
                self._session = None
            if is_refusal(error) or isinstance(error, ConfigError):
                log.error("MLflow refuses %s: %s", run.id, without_secrets(error, self._uri))
                self.refused.append(run.id)
                return True
            self._report_outage(error)
            return False

    def _done(self) -> None:
        with self._lock:
            self._unsure.discard(self._queue.popleft().id)
            if not self._queue:
                self._clear_spool()
                self._idle.set()

    def _clear_spool(self) -> None:
        try:
            self._spool.clear()
        except OSError as error:
            log.warning("spool %s: %s; it will be replayed, which changes nothing", self._spool.path, error)

    def _connected(self) -> Session:
        if self._session is None:
            started = time.perf_counter()
            self._session = Session(self._uri, self._experiment)
            log.info("tracking to %s (%.1f s)", public(self._uri), time.perf_counter() - started)
        return self._session

    def _report_outage(self, error: Exception) -> None:
        if not self._down:
            self._down = True
            cause = without_secrets(error, self._uri).splitlines()[0][:300]
            log.warning(
                "tracking server %s does not answer (%s); the sweep goes on, documents wait in %s",
                public(self._uri), cause, self._spool.path,
            )  # fmt: skip

    def _report_recovery(self) -> None:
        if self._down:
            self._down = False
            log.info("tracking server %s answers again", public(self._uri))
