"""Leases: they keep two sweeps from computing one stage twice.

`<key>/lease-<n>` is created conditionally and names its owner; `<key>/beat-<n>` holds a counter that the
owner moves. A lease is stale when its counter has not moved for `STALE_S` of the observer's own clock (clocks
of different hosts are never compared), or at once if its owner was a process of this host that is gone.
Taking over creates `lease-<n+1>`, which only one taker can. A lease that is wrongly taken over costs a
computation, never a result.
"""

from __future__ import annotations

import json
import logging
import os
import re
import socket
import threading
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from w2s_ray.core.errors import EnvironmentFault
from w2s_ray.store.backend import Backend

log = logging.getLogger(__name__)
STALE_S = 60.0
BEAT_S = 10.0
_NAME = re.compile(r"lease-(\d+)$")


class Leases:
    """The leases that one process holds and observes. A background thread moves the counters."""

    def __init__(self, backend: Backend, *, stale_s: float = STALE_S, beat_s: float = BEAT_S) -> None:
        self._backend = backend
        self._stale_s = stale_s
        self._beat_s = beat_s
        self._owner = uuid.uuid4().hex
        self._held: dict[str, int] = {}
        self._seen: dict[str, _Sight] = {}
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def acquire(self, key: str) -> bool:
        """Try to take the lease of `key`; False where somebody alive holds it."""
        newest = _newest(self._backend, key)
        older = None if newest is None else self._backend.read(f"{key}/lease-{newest}")
        if newest is not None and not self._is_stale(key, newest, older):
            return False
        number = 0 if newest is None else newest + 1
        if not self._backend.create(f"{key}/lease-{number}", self._claim()):
            return False
        if not self._is_alone(key, number, older):
            self._remove(key, number)
            return False
        if newest is not None:
            log.warning("took over the stale lease %s/lease-%d", key, newest)
        with self._lock:
            self._held[key] = number
        self._seen.pop(key, None)
        self._start()
        return True

    def release(self, key: str) -> None:
        """Give the lease of `key` back, if it is ours. What cannot be removed goes stale by itself."""
        with self._lock:  # a heartbeat in progress ends first, and leaves nothing behind
            number = self._held.pop(key, None)
        if number is None:
            return
        try:
            for older in range(number, -1, -1):
                self._remove(key, older)
        except EnvironmentFault as error:
            log.warning("could not remove the lease of %s: %s", key, error)

    def close(self) -> None:
        """Release everything and stop the heartbeat."""
        self._closed.set()
        for key in list(self._held):
            self.release(key)
        if self._thread is not None:
            self._thread.join(1.0)  # a write that hangs must not hold up the end

    def _claim(self) -> bytes:
        claim = {"owner": self._owner, "host": host(), "pid": os.getpid(), "born": born(os.getpid())}
        return json.dumps(claim | {"nonce": uuid.uuid4().hex}).encode()

    def _is_stale(self, key: str, number: int, claim: bytes | None) -> bool:
        """Whether the lease is dead, or has not moved since this observer saw it so, long enough ago."""
        if claim is not None and (_owner_is_dead(claim) or self._was_never_ours(key, claim)):
            return True
        state = (number, claim, self._backend.read(f"{key}/beat-{number}"))
        now = time.monotonic()
        seen = self._seen.get(key)
        if seen is None or seen.state != state:
            self._seen[key] = _Sight(state=state, since=now)
            return False
        return now - seen.since > self._stale_s

    def _was_never_ours(self, key: str, claim: bytes) -> bool:
        """Whether we made this lease by a call that reported an error, so that nobody holds it."""
        return bool(json.loads(claim).get("owner") == self._owner) and key not in self._held

    def _is_alone(self, key: str, number: int, older: bytes | None) -> bool:
        """Whether no lease came or went while ours was made: of two takers that met, at most one stays."""
        if _newest(self._backend, key) != number:
            return False
        return number == 0 or self._backend.read(f"{key}/lease-{number - 1}") == older

    def _remove(self, key: str, number: int) -> None:
        self._backend.remove(f"{key}/beat-{number}")
        self._backend.remove(f"{key}/lease-{number}")

    def _start(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._beat, name="w2s-leases", daemon=True)
            self._thread.start()

    def _beat(self) -> None:
        counter = 0
        while not self._closed.wait(self._beat_s):
            counter += 1
            for key in list(self._held):
                with self._lock:
                    self._move(key, counter)

    def _move(self, key: str, counter: int) -> None:
        if key not in self._held:
            return
        try:
            self._backend.write(f"{key}/beat-{self._held[key]}", str(counter).encode())
        except Exception as error:  # a lost beat may cost a lease, never a result
            log.warning("no heartbeat for %s: %s", key, error)


@dataclass(frozen=True, kw_only=True)
class _Sight:
    """What a lease looked like (number, claim, beat), and since when by the observer's own clock."""

    state: tuple[int, bytes | None, bytes | None]
    since: float


def is_leased(backend: Backend, key: str) -> bool:
    """Whether somebody holds a lease on `key` whose process is not known to be dead."""
    newest = _newest(backend, key)
    if newest is None:
        return False
    claim = backend.read(f"{key}/lease-{newest}")
    return claim is not None and not _owner_is_dead(claim)


def host() -> str:
    """This host's process namespace: pids may be compared only within it."""
    boot = _read("/proc/sys/kernel/random/boot_id")
    try:
        namespace = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        namespace = ""
    return f"{socket.gethostname()} {boot} {namespace}"


def born(pid: int) -> str:
    """When a process started, in clock ticks since boot, or "" where it is gone: pids are reused."""
    stat = _read(f"/proc/{pid}/stat").rsplit(")", 1)[-1].split()
    return stat[19] if stat and stat[0] not in "ZX" else ""  # a zombie works no more


def _owner_is_dead(claim: bytes) -> bool:
    try:
        owner = json.loads(claim)
        here, pid, started = owner["host"] == host(), int(owner["pid"]), owner["born"]
    except (ValueError, KeyError, TypeError):
        return True  # nobody can hold a lease that says nothing
    return here and bool(started) and born(pid) != started


def _newest(backend: Backend, key: str) -> int | None:
    numbers = [int(match[1]) for name in backend.names(key) if (match := _NAME.match(name))]
    return max(numbers, default=None)


def _read(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""
