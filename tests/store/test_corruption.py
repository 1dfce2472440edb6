"""Damage: seen before use, named, set aside; a copy on this machine is mended without blaming the store."""

from __future__ import annotations

import json
import random
import tempfile

import pytest

from tests.store.results import FILES, commit, content, key_of
from w2s_ray.core.errors import CorruptRecord, EnvironmentFault
from w2s_ray.store import Store
from w2s_ray.store.download import default_cache


def path_of(record, name):
    return f"{record.key}/{record.attempt}/{name}"


def fresh(store, tmp_path, number=0):
    """Another machine's view of the store: nothing cached."""
    return Store(store.url, cache=tmp_path / f"fresh-{number}")


def test_a_thousand_flipped_bits_are_all_detected(local):
    record, flips = commit(local, "a"), random.Random(0)
    for _ in range(1000):
        name = flips.choice([name for name in FILES if FILES[name]])
        path = local.backend.local(path_of(record, name))
        bad = bytearray(FILES[name])
        bad[flips.randrange(len(bad))] ^= 1 << flips.randrange(8)
        path.write_bytes(bad)
        with pytest.raises(CorruptRecord, match=name):
            local.open(record)
        path.write_bytes(FILES[name])
    assert content(local.open(record)) == FILES


@pytest.mark.parametrize("name", list(FILES))
@pytest.mark.parametrize("damage", ["truncated", "emptied", "longer", "missing"])
def test_a_damaged_file_is_named_on_any_storage(store, tmp_path, name, damage):
    record = commit(store, "a")
    good = FILES[name]
    bad = {"truncated": good[:-1], "emptied": b"", "longer": good + b"\0", "missing": None}[damage]
    if bad is None:
        store.backend.remove(path_of(record, name))
    else:
        store.backend.write(path_of(record, name), bad)
    reader = fresh(store, tmp_path)
    if bad == good:
        assert content(reader.open(record)) == FILES
        return
    with pytest.raises(CorruptRecord, match=name.rsplit("/", 1)[-1]):
        reader.open(record)


def test_a_file_that_no_record_names_is_not_part_of_the_result(local):
    record = commit(local, "a")
    local.backend.write(path_of(record, "stray.safetensors"), b"x")
    assert content(local.open(record)) == FILES and "stray.safetensors" not in record.files


def test_a_damaged_copy_on_this_machine_is_fetched_again(memory, tmp_path):
    record = commit(memory, "a")
    (memory.open(record) / "predictions.parquet").write_bytes(b"x" * len(FILES["predictions.parquet"]))
    assert content(memory.open(record)) == FILES
    assert memory.find(record.key) == record


def test_a_good_copy_on_this_machine_needs_no_store(memory):
    record = commit(memory, "a")
    memory.open(record)
    memory.backend.remove(f"{record.key}/{record.attempt}")
    assert content(memory.open(record)) == FILES


def test_a_failed_download_leaves_no_half_file(memory, tmp_path):
    record = commit(memory, "a")
    memory.backend.write(path_of(record, "predictions.parquet"), b"short")
    with pytest.raises(CorruptRecord):
        memory.open(record)
    left = {path.name for path in (tmp_path / "cache").rglob("*") if path.is_file()}
    assert left <= {"weights.safetensors", "empty"}


@pytest.mark.parametrize(
    "garbage", [b"", b"{", b"[]", b"null", b"\xff" * 9, b"[" * 100_000, b'{"schema": 99}']
)
def test_a_record_that_makes_no_sense_is_set_aside_and_computed_again(store, garbage):
    key = commit(store, "a").key
    store.backend.write(f"{key}/record.json", garbage)
    assert store.find(key) is None
    (aside,) = [name for name in store.backend.names(key) if name.startswith("aside-")]
    assert store.backend.read(f"{key}/{aside}") == garbage
    again = commit(store, "a")
    assert store.find(key) == again and content(store.open(again)) == FILES


def test_garbage_in_the_way_of_a_commit_is_set_aside(store):
    store.backend.write(f"{key_of('a')}/record.json", b"garbage")
    made = commit(store, "a")
    assert store.find(made.key) == made


def test_no_flipped_bit_of_a_record_is_believed(local):
    record, flips = commit(local, "a", metrics={"accuracy": 0.8125}), random.Random(1)
    path = local.backend.local(f"{record.key}/record.json")
    good = path.read_bytes()
    for _ in range(200):
        bad = bytearray(good)
        bad[flips.randrange(len(bad))] ^= 1 << flips.randrange(8)
        path.write_bytes(bad)
        assert local.find(record.key) in (None, record)


def test_the_record_of_another_stage_is_not_taken_for_this_one(store):
    made = commit(store, "a")
    store.backend.write(f"{key_of('b')}/record.json", store.backend.read(f"{made.key}/record.json"))
    assert store.find(key_of("b")) is None and store.find(made.key) == made


def test_one_bad_record_hides_no_other(store):
    made = [commit(store, name) for name in "ab"]
    store.backend.write(f"{key_of('c')}/record.json", b"?")
    assert store.find_all([key_of(name) for name in "abc"]) == {record.key: record for record in made}


def test_a_record_that_leads_out_of_the_store_is_refused(memory):
    made = commit(memory, "a")
    data = json.loads(memory.backend.read(f"{made.key}/record.json"))
    data["files"]["../../outside"] = data["files"]["empty"]
    memory.backend.write(f"{made.key}/record.json", json.dumps(data).encode())
    assert memory.find(made.key) is None


def test_storage_that_cannot_be_read_is_not_taken_for_an_empty_one(memory, monkeypatch):
    made = commit(memory, "a")

    def refuse(path, **options):
        raise PermissionError(13, "Forbidden")

    monkeypatch.setattr(memory.backend.fs, "cat_file", refuse)
    for keys in ([made.key], [made.key, key_of("b")]):
        with pytest.raises(EnvironmentFault, match=r"cannot read .*Forbidden.*run the same command again"):
            memory.find_all(keys)


def test_copies_on_this_machine_lie_in_a_folder_of_this_user_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = default_cache()
    assert folder.parent == tmp_path and folder.stat().st_mode & 0o777 == 0o700 and default_cache() == folder
    folder.rmdir()
    folder.symlink_to(tmp_path)
    with pytest.raises(EnvironmentFault, match="belongs to somebody else"):
        default_cache()
