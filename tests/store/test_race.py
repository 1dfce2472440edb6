"""Many writers of one key: one record, whose files are those of one of them."""

from __future__ import annotations

import multiprocessing
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.store.results import commit, content, key_of
from w2s_ray.store import Leases, Store

WRITERS = 8


def write_at(barrier, url, names, answers):
    store = Store(url)
    leases = Leases(store.backend)
    won = []
    for name in names:
        mine = {"who": str(os.getpid()).encode() * 100, "more/who": str(os.getpid()).encode()}
        barrier.wait()
        held = leases.acquire(key_of(f"lease-{name}"))
        won.append((commit(store, name, mine).attempt, held))
    barrier.wait()
    leases.close()
    answers.put(won)


def race(url, rounds):
    """Let processes race for each key in turn, and check that one won each."""
    context = multiprocessing.get_context("fork")
    barrier, answers, names = context.Barrier(WRITERS), context.Queue(), [f"round-{n}" for n in range(rounds)]
    processes = [
        context.Process(target=write_at, args=(barrier, url, names, answers)) for _ in range(WRITERS)
    ]
    for process in processes:
        process.start()
    told = [answers.get(timeout=120) for _ in processes]
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * WRITERS
    check(Store(url), names, told)


def check(store, names, told):
    for number, name in enumerate(names):
        record = store.find(key_of(name))
        assert {answers[number][0] for answers in told} == {record.attempt}
        assert sum(answers[number][1] for answers in told) == 1, "a lease is held by one"
        files = content(store.open(record), ["who", "more/who"])
        assert files["who"] == files["more/who"] * 100
        assert store.backend.names(key_of(name)) == [record.attempt, "record.json"]
        assert store.backend.names(key_of(f"lease-{name}")) == []


def test_eight_processes_race_for_one_key(tmp_path):
    race(str(tmp_path / "store"), 5)


@pytest.mark.ray
def test_eight_processes_race_for_one_key_two_hundred_times(tmp_path):
    race(str(tmp_path / "store"), 200)


def test_eight_threads_race_for_one_key_on_any_storage(store, url):
    gate = threading.Barrier(WRITERS)

    def write(number):
        gate.wait()
        return commit(Store(url), "a", {"who": str(number).encode()})

    with ThreadPoolExecutor(WRITERS) as pool:
        records = list(pool.map(write, range(WRITERS)))
    assert len({record.attempt for record in records}) == 1
    assert store.backend.names(key_of("a")) == [records[0].attempt, "record.json"]


def test_a_record_set_aside_by_eight_readers_at_once_is_set_aside_once(store):
    made = commit(store, "a")
    gate = threading.Barrier(WRITERS)

    def put_aside(_):
        gate.wait()
        store.set_aside(made.key, "bad", attempt=made.attempt)

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(put_aside, range(WRITERS)))
    assert store.find(made.key) is None
    assert commit(store, "a") == store.find(made.key)
