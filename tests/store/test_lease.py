"""Leases: one holder, dead owners known at once, silent ones after a while, and nothing left behind."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time

import pytest

from tests.store.clock import KEY
from tests.store.results import key_of
from w2s_ray.core.errors import EnvironmentFault
from w2s_ray.store import Leases
from w2s_ray.store.lease import born, host, is_leased


def test_a_lease_is_held_by_one(observer):
    first, second = observer.make(), observer.make()
    assert first.acquire(KEY) and not second.acquire(KEY) and not first.acquire(KEY)
    assert second.acquire(key_of("b"))
    first.release(KEY)
    assert second.acquire(KEY)
    first.close()
    second.close()


def test_a_release_leaves_no_files(observer):
    party = observer.make(beat_s=0.001)
    for _ in range(5):
        assert party.acquire(KEY)
        while not any(name.startswith("beat-") for name in observer.backend.names(KEY)):
            threading.Event().wait(0.001)
        party.release(KEY)
        assert observer.backend.names(KEY) == []
    party.close()
    assert observer.backend.names(KEY) == []


def test_what_others_hold_is_not_ours_to_release(observer):
    first, second = observer.make(), observer.make()
    assert first.acquire(KEY)
    second.release(KEY)
    second.close()
    assert is_leased(observer.backend, KEY)
    first.close()
    assert not is_leased(observer.backend, KEY)


def test_a_silent_lease_is_stale_after_a_minute_of_the_observers_own_clock(observer):
    observer.claim()
    party = observer.make()
    assert not party.acquire(KEY), "the first look starts the clock"
    observer.now = 60.0
    assert not party.acquire(KEY)
    observer.now = 60.1
    assert party.acquire(KEY)
    assert "lease-1" in observer.backend.names(KEY)
    party.close()
    assert observer.backend.names(KEY) == []


def test_a_beating_lease_is_never_stale(observer):
    observer.claim()
    party = observer.make()
    for beat in range(20):
        observer.backend.write(f"{KEY}/beat-0", str(beat).encode())
        assert not party.acquire(KEY)
        observer.now += 50.0
    party.close()


def test_the_silence_of_one_holder_is_not_held_against_the_next(observer):
    """The next holder's lease may have the same number, and no heartbeat yet."""
    observer.claim(owner="first")
    party = observer.make()
    assert not party.acquire(KEY)
    observer.now = 59.0
    observer.claim(owner="second")
    assert not party.acquire(KEY)
    observer.now = 61.0
    assert not party.acquire(KEY)
    observer.now = 120.0
    assert party.acquire(KEY)
    party.close()


@pytest.mark.parametrize("hours", [-1, 1, 10_000])
def test_a_wall_clock_that_is_wrong_does_not_matter(observer, monkeypatch, hours):
    observer.claim()
    party, now = observer.make(), time.time()
    assert not party.acquire(KEY)
    monkeypatch.setattr(time, "time", lambda: now + 3600 * hours)
    observer.now = 1.0
    assert not party.acquire(KEY)
    observer.now = 61.1
    assert party.acquire(KEY)
    party.close()


def dead_process():
    """The claim of a process of this host that has ended."""
    code = "import os; from w2s_ray.store.lease import born, host; print(os.getpid(), born(os.getpid()))"
    pid, started = subprocess.check_output([sys.executable, "-c", code], text=True).split()
    return {"host": host(), "pid": int(pid), "born": started}


def test_a_dead_owner_of_this_host_is_known_at_once(observer):
    observer.claim(**dead_process())
    assert not is_leased(observer.backend, KEY)
    party = observer.make()
    assert party.acquire(KEY)
    party.close()
    assert observer.backend.names(KEY) == []


def test_a_zombie_holds_nothing(observer):
    child = os.fork()
    if not child:
        os._exit(0)
    started = ""
    while born(child):
        started = started or born(child)
        time.sleep(0.001)
    observer.claim(host=host(), pid=child, born=started or "1")
    party = observer.make()
    assert party.acquire(KEY)
    party.close()
    os.waitpid(child, 0)


def test_a_pid_that_was_given_to_another_process_is_not_the_owner(observer):
    observer.claim(host=host(), pid=os.getpid(), born="1")
    party = observer.make()
    assert party.acquire(KEY)
    party.close()


def test_a_pid_of_another_host_says_nothing(observer):
    observer.claim(**dead_process() | {"host": "elsewhere"})
    party = observer.make()
    assert not party.acquire(KEY)
    party.close()


@pytest.mark.parametrize("claim", [b"", b"{", b"[]", b"3", b"{}", b'{"host": 1}', b"\xff"])
def test_a_lease_that_says_nothing_is_held_by_nobody(store, claim):
    store.backend.write(f"{KEY}/lease-0", claim)
    party = Leases(store.backend)
    assert party.acquire(KEY)
    party.close()
    assert store.backend.names(KEY) == []


def test_a_release_that_fails_is_said_and_stops_nothing(observer, monkeypatch, caplog):
    party = observer.make()
    assert party.acquire(KEY)

    def refuse(path):
        raise EnvironmentFault("read-only")

    with monkeypatch.context() as patch:
        patch.setattr(observer.backend, "remove", refuse)
        with caplog.at_level(logging.WARNING):
            party.close()
    assert "could not remove the lease" in caplog.text


def test_a_heartbeat_that_fails_is_said_and_tried_again(store, monkeypatch, caplog):
    party, write, failed = Leases(store.backend, beat_s=0.01), store.backend.write, threading.Event()

    def fail(path, data):
        if not failed.is_set():
            failed.set()
            raise EnvironmentFault("a burst of 503")
        write(path, data)

    monkeypatch.setattr(store.backend, "write", fail)
    assert party.acquire(KEY)
    deadline = time.monotonic() + 10
    while "beat-0" not in store.backend.names(KEY) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert "beat-0" in store.backend.names(KEY) and "no heartbeat" in caplog.text
    party.close()
