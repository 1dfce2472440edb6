"""Leases: they keep two sweeps from computing one stage twice.

`<key>/lease-<n>` is created conditionally and names its owner; `<key>/beat-<n>` holds a counter that the owner
moves. A lease is stale when its counter has not moved for `STALE_S` of the observer's own clock (clocks of
different hosts are never compared), or at once if its owner was a process of this host that is gone. Taking
over creates `lease-<n+1>`, which only one taker can. A lease that is wrongly taken over costs a computation,
never a result.
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
from pathlib import Path

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
        self._seen: dict[tuple[str, int], tuple[bytes | None, float]] = {}
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def acquire(self, key: str) -> bool:
        """Try to take the lease of `key`; False where somebody alive holds it."""
        newest = _newest(self._backend, key)
        if newest is not None and not self._is_stale(key, newest):
            return False
        number = 0 if newest is None else newest + 1
        if not self._backend.create(f"{key}/lease-{number}", self._claim()):
            return False
        if newest is not None:
            log.warning("took over the stale lease %s/lease-%d", key, newest)
        with self._lock:
            self._held[key] = number
        self._start()
        return True

    def release(self, key: str) -> None:
        """Give the lease of `key` back; leases of others stay."""
        with self._lock:
            number = self._held.pop(key, None)
        if number is None:
            return
        for older in range(number, -1, -1):
            self._backend.remove(f"{key}/beat-{older}")
            self._backend.remove(f"{key}/lease-{older}")

    def close(self) -> None:
        """Release everything and stop the heartbeat."""
        self._closed.set()
        for key in list(self._held):
            self.release(key)

    def _claim(self) -> bytes:
        claim = {"owner": self._owner, "host": host(), "pid": os.getpid(), "born": born(os.getpid())}
        return json.dumps(claim).encode()

    def _is_stale(self, key: str, number: int) -> bool:
        claim = self._backend.read(f"{key}/lease-{number}")
        if claim is None or _owner_is_dead(claim):
            return True
        beat = self._backend.read(f"{key}/beat-{number}")
        now = time.monotonic()
        last, since = self._seen.get((key, number), (None, now))
        if last != beat or (key, number) not in self._seen:
            self._seen[key, number] = (beat, now)
            return False
        return now - since > self._stale_s

    def _start(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._beat, name="w2s-leases", daemon=True)
            self._thread.start()

    def _beat(self) -> None:
        counter = 0
        while not self._closed.wait(self._beat_s):
            counter += 1
            with self._lock:
                held = dict(self._held)
            for key, number in held.items():
                try:
                    self._backend.write(f"{key}/beat-{number}", str(counter).encode())
                except Exception as error:  # a lost beat may cost a lease, never a result
                    log.warning("no heartbeat for %s: %s", key, error)


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
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:
        namespace = ""
    return f"{socket.gethostname()} {boot} {namespace}"


def born(pid: int) -> str:
    """When a process started, in clock ticks since boot, or "" where it is gone: pids are reused."""
    stat = _read(f"/proc/{pid}/stat")
    return stat.rsplit(")", 1)[-1].split()[19] if stat else ""


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
