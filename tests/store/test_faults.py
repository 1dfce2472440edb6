"""No third outcome: under a fault of the storage the same result or an error; after it, the same result."""

from __future__ import annotations

import errno
import time
import uuid
from pathlib import Path

import pytest

from tests.store.results import FILES, commit, content, fill, key_of, record_of
from w2s_ray.core.errors import CorruptRecord, EnvironmentFault
from w2s_ray.store import Leases, Scratch, Store

WRITES = ("pipe_file", "put_file")
CALLS = (*WRITES, "cat_file", "get_file", "ls", "rm", "exists")
FAULTS = ("error", "executed but reported as an error", "short write", "stale listing")
AFFECTED = {"short write": WRITES, "stale listing": ("ls",)}


class FaultyFileSystem:
    """A file system whose calls go wrong in one way from call `first` on, `times` times."""

    def __init__(self, real, fault="", first=0, times=1):
        self._real, self._fault, self._first, self._times = real, fault, first, times
        self._listings: dict[str, list[str]] = {}
        self.calls: list[str] = []

    def __getattr__(self, name):
        real = getattr(self._real, name)
        if name not in CALLS:
            return real
        return lambda *arguments, **options: self._call(name, real, arguments, options)

    def _call(self, name, real, arguments, options):
        self.calls.append(name)
        if name == "ls":
            return self._ls(real, arguments, options)
        if not self._is_due():
            return real(*arguments, **options)
        if self._fault == "short write" and name in WRITES:
            return self._short(name, real, arguments)
        if self._fault == "slow":
            time.sleep(0.001)
        if self._fault != "error":
            result = real(*arguments, **options)
        if self._fault in ("error", "executed but reported as an error"):
            raise OSError(errno.EIO, "injected")
        return result

    def _is_due(self):
        return self._first <= len(self.calls) < self._first + self._times

    def _ls(self, real, arguments, options):
        if self._is_due() and self._fault in ("error", "executed but reported as an error"):
            raise OSError(errno.EIO, "injected")
        if self._is_due() and self._fault == "stale listing":
            return self._listings.get(arguments[0], [])
        self._listings[arguments[0]] = real(*arguments, **options)
        return self._listings[arguments[0]]

    def _short(self, name, real, arguments):
        data = arguments[0] if name == "put_file" else arguments[1]
        data = Path(data).read_bytes() if name == "put_file" else data
        path = arguments[1] if name == "put_file" else arguments[0]
        self._real.pipe_file(path, data[: len(data) // 2])


def compute(store):
    """What a worker does: find, else lease, build, commit, release; then read."""
    found, leases = store.find(key_of("a")), Leases(store.backend)
    try:
        if found is None and leases.acquire(key_of("a")):
            found = commit(store, "a", metrics={"accuracy": 0.5})
    finally:
        leases.close()
    return read(store, found or store.find(key_of("a")))


def lose_a_race(store):
    """A writer that comes second."""
    with store.building(key_of("a")) as late:
        fill(late.path)
        commit(store, "a", metrics={"accuracy": 0.5})
        return read(store, store.commit(late, record_of("a", metrics={"accuracy": 0.5})))


def mend(store):
    """A reader that finds damage, sets the record aside, and computes it again; then somebody tidies up."""
    made = commit(store, "a", metrics={"accuracy": 0.5})
    store.backend.write(f"{made.key}/{made.attempt}/empty", b"not empty")
    try:
        store.open(made)
    except CorruptRecord as error:
        store.set_aside(made.key, str(error), attempt=made.attempt)
    again = commit(store, "a", metrics={"accuracy": 0.5})
    store.collect_garbage()
    return read(store, again)


def resume(store):
    """A long stage that saves, dies, resumes from what it finds, and commits."""
    scratch = Scratch(backend=store.backend, key=key_of("a"), layout="x")
    for step in (1, 2):
        scratch.save(step, lambda folder, step=step: fill(folder, {"state": bytes([step])}))
    folder = scratch.latest()
    assert folder is None or (folder / "state").read_bytes() in (b"\1", b"\2")
    result = compute(store)
    scratch.clear()
    return result


def read(store, record):
    if record is None:
        raise EnvironmentFault("somebody else has the lease")
    return record.metrics, content(store.open(record))


RESULT = ({"accuracy": 0.5}, FILES)
ROUNDS = (compute, lose_a_race, mend, resume)


def store_with(url, cache, **fault):
    store = Store(url, cache=cache)
    store.backend.fs = FaultyFileSystem(store.backend.fs, **fault)
    return store


def mended(url, cache):
    """The same command after the storage has recovered: damage is found, set aside and computed again."""
    store = Store(url, cache=cache)
    found = store.find(key_of("a"))
    if found is not None:
        try:
            assert read(store, found) == RESULT
        except CorruptRecord as error:
            store.set_aside(found.key, str(error))
    store.backend.remove(f"{key_of('a')}/lease-0")  # the faulty party's process would be dead
    store.backend.remove(f"{key_of('a')}/lease-1")
    return compute(store)


def check(round_, tmp_path, **fault):
    """Run a round under a fault: its result, or an error that says so. Returns the calls that it made."""
    url, cache = f"memory://{uuid.uuid4().hex}", tmp_path / uuid.uuid4().hex
    store = store_with(url, cache / "one", **fault)
    try:
        assert round_(store) == RESULT
    except (EnvironmentFault, CorruptRecord) as error:
        assert str(error)
    assert mended(url, cache / "two") == RESULT
    return store.backend.fs.calls


@pytest.mark.parametrize("round_", ROUNDS, ids=lambda round_: round_.__name__)
def test_without_a_fault_there_is_no_error(round_, tmp_path):
    assert round_(Store(f"memory://{uuid.uuid4().hex}", cache=tmp_path)) == RESULT


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("round_", ROUNDS, ids=lambda round_: round_.__name__)
def test_any_one_call_may_go_wrong(round_, fault, tmp_path):
    calls = check(round_, tmp_path)
    assert len(calls) > 15
    for first, name in enumerate(calls, start=1):
        if name in AFFECTED.get(fault, CALLS):
            check(round_, tmp_path, fault=fault, first=first)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("round_", ROUNDS, ids=lambda round_: round_.__name__)
def test_the_storage_may_go_wrong_for_a_while(round_, fault, tmp_path):
    for first in range(1, 31, 10):
        check(round_, tmp_path, fault=fault, first=first, times=6)


@pytest.mark.parametrize("round_", ROUNDS, ids=lambda round_: round_.__name__)
def test_slow_storage_changes_nothing(round_, tmp_path):
    check(round_, tmp_path, fault="slow", first=1, times=1000)


@pytest.mark.parametrize("round_", [compute, lose_a_race], ids=lambda round_: round_.__name__)
def test_a_create_whose_answer_was_lost_is_known_as_ours(round_, tmp_path, monkeypatch):
    """The record is there, though the call raised: it is the winner, and the stage is not computed twice."""
    store = store_with(f"memory://{uuid.uuid4().hex}", tmp_path)
    real, lost = store.backend.fs._real.pipe_file, []

    def pipe_file(path, data):
        real(path, data)
        if path.endswith("record.json") and not lost:
            lost.append(path)
            raise TimeoutError("the answer was lost")

    monkeypatch.setattr(store.backend.fs._real, "pipe_file", pipe_file)
    assert round_(store) == RESULT and lost


def test_checkpoints_that_cannot_be_removed_do_not_undo_a_finished_stage(memory, monkeypatch, caplog):
    made = commit(memory, "a")
    memory.backend.write(f"scratch/{made.key}/step-1.json", b"{}")

    def refuse(path, **options):
        raise OSError(errno.EROFS, "Read-only file system")

    with monkeypatch.context() as patch:
        patch.setattr(memory.backend.fs, "rm", refuse)
        memory.drop_checkpoints(made.key)
    assert "left the checkpoints" in caplog.text
    assert memory.collect_garbage() == [f"scratch/{made.key}"]
