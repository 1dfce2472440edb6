"""What any store promises: the record comes last, the first writer wins, and every use is checked."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.store.results import FILES, commit, content, fill, key_of, record_of
from w2s_ray.core.errors import ConfigError
from w2s_ray.store import Leases, Store
from w2s_ray.store.backend import Backend
from w2s_ray.store.create import CREATE
from w2s_ray.store.faults import redact


def test_what_was_committed_is_found_and_opened(store, url):
    made = commit(store, "a", metrics={"accuracy": 0.75})
    for reader in (store, Store(url)):
        found = reader.find(key_of("a"))
        assert found == made and found.metrics == {"accuracy": 0.75}
        assert content(reader.open(found)) == FILES


def test_nothing_is_found_where_nothing_is(store):
    assert store.find(key_of("a")) is None
    assert store.find_all([]) == {} and store.keys() == [] and store.collect_garbage() == []
    store.backend.remove("never/there")


def test_many_are_found_together_and_the_missing_are_left_out(store):
    made = {key_of(name): commit(store, name) for name in "abc"}
    assert store.find_all([*made, key_of("absent")]) == made
    assert store.keys() == sorted(made)


def test_the_record_is_the_last_thing_written(store):
    with store.building(key_of("a")) as attempt:
        fill(attempt.path)
        assert store.find(key_of("a")) is None
        store.commit(attempt, record_of("a"))
        assert store.find(key_of("a")) is not None


def test_an_attempt_that_fails_leaves_nothing(store):
    with pytest.raises(ZeroDivisionError), store.building(key_of("a")) as attempt:
        fill(attempt.path)
        raise ZeroDivisionError
    assert store.find(key_of("a")) is None and not attempt.path.exists()
    assert store.backend.names(key_of("a")) == []


def test_a_late_writer_loses_cleanly(store):
    with store.building(key_of("a")) as late:
        fill(late.path, {"x": b"late"})
        winner = commit(store, "a")
        assert store.commit(late, record_of("a")) == winner
    assert store.find(key_of("a")) == winner
    assert content(store.open(winner)) == FILES
    assert store.backend.names(key_of("a")) == [winner.attempt, "record.json"]


def test_committing_again_is_known_as_our_own(store):
    with store.building(key_of("a")) as attempt:
        fill(attempt.path)
        first = store.commit(attempt, record_of("a"))
        assert store.commit(attempt, record_of("a")) == first


def test_a_result_without_files_is_a_result(store):
    assert store.open(commit(store, "a", {})).name.startswith("attempt-") and store.find(key_of("a"))


@pytest.mark.parametrize("name", ["with space", "ünïcode 🙂.bin", "percent%20 #?&+=.x", "a/b/c/d", "x" * 200])
def test_names_of_files_may_be_any(store, name):
    record = commit(store, "a", {name: b"data"})
    assert content(store.open(store.find(record.key)), [name]) == {name: b"data"}


def test_a_label_may_fill_a_name_of_255_bytes(store):
    label = "y" * (255 - 13)
    record = commit(store, "a", label=label)
    assert len(record.key.split("/")[1]) == 255
    assert content(store.open(store.find(record.key))) == FILES


def test_a_store_that_was_moved_reads_the_same(local, tmp_path):
    made = commit(local, "a")
    shutil.move(tmp_path / "store", tmp_path / "moved")
    moved = Store(tmp_path / "moved")
    assert moved.find(key_of("a")) == made and content(moved.open(made)) == FILES
    assert local.find(key_of("a")) is None


def test_two_roots_hold_the_same_stage_under_the_same_key(local, memory):
    assert commit(local, "a").key == commit(memory, "a").key
    assert local.keys() == memory.keys()


def test_garbage_is_what_no_record_names_and_nobody_works_on(store):
    made = commit(store, "a")
    for place in (
        f"{made.key}/attempt-dead/x",
        f"{key_of('b')}/attempt-dead/x",
        f"{key_of('c')}/attempt-busy/x",
    ):
        source = Path(store.open(made)) / "predictions.parquet"
        store.backend.upload(source, place)
    store.backend.write(f"scratch/{made.key}/step-1.json", b"{}")
    store.backend.write(f"scratch/{key_of('b')}/step-1.json", b"{}")
    leases = Leases(store.backend)
    assert leases.acquire(key_of("c"))
    removed = store.collect_garbage()
    leases.close()
    expected = {f"{made.key}/attempt-dead", f"{key_of('b')}/attempt-dead", f"scratch/{made.key}"}
    assert set(removed) == expected
    assert content(store.open(made)) == FILES
    assert store.backend.names(key_of("c")) == ["attempt-busy"]
    assert store.backend.names(f"scratch/{key_of('b')}") == ["step-1.json"]
    assert store.collect_garbage() == [f"{key_of('c')}/attempt-busy"]


def test_garbage_of_a_record_that_makes_no_sense_is_kept(store):
    made = commit(store, "a")
    store.backend.write(f"{made.key}/record.json", b'{"schema": 2}')
    assert store.collect_garbage() == []
    assert made.attempt in store.backend.names(made.key)


def test_a_set_aside_record_makes_room_and_its_files_stay(store):
    made = commit(store, "a")
    store.set_aside(made.key, "a bit flipped", attempt=made.attempt)
    store.set_aside(made.key, "somebody else saw it too")
    assert store.find(made.key) is None
    again = commit(store, "a")
    store.set_aside(made.key, "a slow reader of the first one", attempt=made.attempt)
    assert store.find(made.key) == again
    assert made.attempt in store.backend.names(made.key)


def test_folders_list_what_is_directly_below_them(store):
    for path in ("k/a/x", "k/b", "l"):
        store.backend.write(path, b"1")
    assert store.backend.names("") == ["k", "l"]
    assert store.backend.names("k") == store.backend.names("k/") == ["a", "b"]
    assert store.backend.names("k/b") == store.backend.names("nowhere/at/all") == []
    assert store.backend.read("k") is None and store.backend.read("k/a") is None


def test_an_object_is_created_once(store):
    assert store.backend.create("k/x", b"first")
    assert not store.backend.create("k/x", b"second")
    assert store.backend.read("k/x") == b"first"


@pytest.mark.parametrize("root", ["memory://", "memory:///"])
def test_memory_may_be_the_store_as_a_whole(root):
    store = Store(root)
    try:
        made = commit(store, "root of memory")
        assert store.find(made.key) == made and store.keys() == [made.key]
    finally:
        store.backend.remove("split")


@pytest.mark.parametrize(
    "url", ["ftp://host/x", "nosuch://x", "memory://a*b", "zip://x", "simplecache::memory://x"]
)
def test_storage_without_a_verified_conditional_create_is_refused(url):
    with pytest.raises(ConfigError, match="store"):
        Backend(url)


def test_a_server_that_ignores_conditions_is_refused(memory, monkeypatch):
    monkeypatch.setitem(CREATE, "memory", lambda fs, place, data: fs.pipe_file(place, data) is None)
    memory.backend._trusted = False
    with pytest.raises(ConfigError, match="ignores conditional writes"):
        commit(memory, "a")


def test_an_s3_server_on_loopback_serves_as_a_store(s3_url, tmp_path):
    store = Store(s3_url, cache=tmp_path / "cache")
    assert content(store.open(commit(store, "a"))) == FILES
    assert store.backend.names("scratch") == []  # the probe of its conditional create is gone


def test_a_password_in_a_url_is_told_to_nobody():
    assert redact("s3://user:pass@host/x") == "s3://host/x" and redact("/a@b") == "/a@b"
    with pytest.raises(ConfigError) as error:
        Backend("ftp://user:hunter2@host/x")
    assert "hunter2" not in str(error.value)
