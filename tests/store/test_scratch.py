"""Checkpoints: the newest whole one of this layout, from all ranks, or none."""

from __future__ import annotations

import contextlib
import json
import logging
import random
import shutil
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.store.results import fill, key_of
from w2s_ray.store import Scratch

KEY = key_of("a")
ROOT = f"scratch/{KEY}"


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """The machine's temporary folder, which must be empty again after each test."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


@pytest.fixture
def scratch(store):
    return Scratch(backend=store.backend, key=KEY, layout="cpu x1")


def save(scratch, step):
    scratch.save(step, lambda folder: fill(folder, {"state": str(step).encode(), "deep/er": b"x" * 200}))


def resumed(scratch):
    """The step of the checkpoint that would be resumed, 0 for none."""
    folder = scratch.latest()
    if folder is None:
        return 0
    step = int((folder / "state").read_bytes())
    shutil.rmtree(folder)
    return step


class Killed(BaseException):
    """What a SIGKILL is to the code: nothing after it runs that a test can see."""


def kill_at(monkeypatch, backend, name, when):
    """Let the process die at a call of the backend, before or after it is carried out."""
    real = getattr(backend, name)

    def die(*arguments):
        if arguments[-1 if name == "upload" else 0].startswith(ROOT):
            if when == "after":
                real(*arguments)
            raise Killed
        real(*arguments)

    monkeypatch.setattr(backend, name, die)


def test_there_is_none_at_first(scratch):
    assert scratch.latest() is None


def test_the_newest_is_resumed_and_older_ones_are_gone(scratch, store):
    for step in (9, 10, 100):
        save(scratch, step)
        assert resumed(scratch) == step
    assert len(store.backend.names(ROOT)) == 2
    scratch.clear()
    assert resumed(scratch) == 0 and store.backend.names(ROOT) == []


@pytest.mark.parametrize("name", ["upload", "write", "remove"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_kill_anywhere_in_a_save_leaves_a_whole_checkpoint(scratch, store, monkeypatch, name, when):
    save(scratch, 5)
    with monkeypatch.context() as patch:
        kill_at(patch, store.backend, name, when)
        with pytest.raises(Killed):
            save(scratch, 6)
    assert resumed(scratch) in (5, 6)
    assert resumed(scratch) == 6 or name != "remove"
    save(scratch, 7)
    assert resumed(scratch) == 7 and len(store.backend.names(ROOT)) == 2


def test_a_kill_between_the_parts_and_the_mark_leaves_the_older_one(scratch, store, monkeypatch):
    save(scratch, 5)
    with monkeypatch.context() as patch:
        patch.setattr(Scratch, "_publish", lambda self, step: (_ for _ in ()).throw(Killed()))
        with pytest.raises(Killed):
            save(scratch, 6)
    assert resumed(scratch) == 5


def place_of(store, step):
    return json.loads(store.backend.read(f"{ROOT}/step-{step}.json"))["parts"][0]["place"]


def test_a_torn_newer_one_is_ignored(scratch, store, caplog):
    save(scratch, 5)
    older = {name: store.backend.read(f"{ROOT}/{place_of(store, 5)}/{name}") for name in ("state", "deep/er")}
    mark, place = store.backend.read(f"{ROOT}/step-5.json"), place_of(store, 5)
    save(scratch, 6)
    for name, data in older.items():
        store.backend.remove(f"{ROOT}/{place}/{name}")
        (Path(tempfile.gettempdir()) / "copy").write_bytes(data)
        store.backend.upload(Path(tempfile.gettempdir()) / "copy", f"{ROOT}/{place}/{name}")
    (Path(tempfile.gettempdir()) / "copy").unlink()
    store.backend.write(f"{ROOT}/step-5.json", mark)
    store.backend.remove(f"{ROOT}/{place_of(store, 6)}/state")
    with caplog.at_level(logging.WARNING):
        assert resumed(scratch) == 5
    assert "the checkpoint at step 6" in caplog.text


OUTSIDE = {"../../x": {"sha256": "", "num_bytes": 0}}
NO_MARKS = [
    b"", b"{", b"[]", b"{}", b'{"layout": "cpu x1"}', b'{"layout": "cpu x1", "parts": 3}',
    json.dumps({"layout": "cpu x1", "parts": [{"place": "p", "files": OUTSIDE}]}).encode(),
    json.dumps({"layout": "cpu x1", "parts": [{"place": "p", "files": {"x": 3}}]}).encode(),
]  # fmt: skip


@pytest.mark.parametrize("mark", NO_MARKS)
def test_a_mark_that_makes_no_sense_is_ignored(scratch, store, mark):
    save(scratch, 5)
    store.backend.write(f"{ROOT}/step-6.json", mark)
    store.backend.write(f"{ROOT}/step-x.json", mark)
    assert resumed(scratch) == 5


def test_no_flipped_bit_is_resumed(local):
    scratch, flips = Scratch(backend=local.backend, key=KEY, layout="cpu x1"), random.Random(0)
    save(scratch, 5)
    files = [path for path in local.backend.local(ROOT).rglob("*") if path.is_file()]
    for _ in range(100):
        path = flips.choice(files)
        good = path.read_bytes()
        bad = bytearray(good)
        bad[flips.randrange(len(bad))] ^= 1 << flips.randrange(8)
        path.write_bytes(bad)
        folder = scratch.latest()
        if folder is not None:  # a bit of white space in the mark
            assert (folder / "state").read_bytes() == b"5" and (folder / "deep/er").read_bytes() == b"x" * 200
            shutil.rmtree(folder)
        path.write_bytes(good)


def test_another_layout_is_not_resumed(scratch, store):
    save(scratch, 5)
    other = Scratch(backend=store.backend, key=KEY, layout="cpu x2")
    assert other.latest() is None
    save(other, 3)
    assert resumed(other) == 3 and scratch.latest() is None


def ranks(backend, world_size, layout):
    """One scratch for each rank of a group; a barrier that a dead rank never reaches lets the others go."""
    meeting = threading.Barrier(world_size)

    def wait():
        with contextlib.suppress(threading.BrokenBarrierError):
            meeting.wait(1)

    common = {"backend": backend, "key": KEY, "layout": layout, "world_size": world_size, "barrier": wait}
    return [Scratch(rank=rank, **common) for rank in range(world_size)]


def save_together(group, step, names=("rank-{}",)):
    def write(scratch):
        files = {name.format(scratch.rank): f"{step} {scratch.rank}".encode() for name in names}
        scratch.save(step, lambda folder: fill(folder, files))

    with ThreadPoolExecutor(len(group)) as pool:
        list(pool.map(write, group))


def test_the_parts_of_all_ranks_are_united(store):
    group = ranks(store.backend, 3, "cpu x3")
    save_together(group, 4)
    for scratch in group:
        folder = scratch.latest()
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
            f"rank-{r}": f"4 {r}".encode() for r in range(3)
        }
        shutil.rmtree(folder)


def test_what_an_attempt_of_another_world_size_left_is_not_mixed_in(store, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(Scratch, "_publish", lambda self, step: None)
        save_together(ranks(store.backend, 3, "cpu x3"), 4)
    group = ranks(store.backend, 2, "cpu x2")
    assert group[0].latest() is None
    save_together(group, 4)
    folder = group[1].latest()
    assert sorted(path.name for path in folder.iterdir()) == ["rank-0", "rank-1"]
    shutil.rmtree(folder)
    assert len(store.backend.names(ROOT)) == 3


def test_two_ranks_that_save_under_one_name_are_our_own_mistake(local):
    with pytest.raises(AssertionError, match="two ranks save a file of one name"):
        save_together(ranks(local.backend, 2, "cpu x2"), 4, names=("same",))


def test_a_checkpoint_that_cannot_be_written_leaves_the_older_one(scratch):
    save(scratch, 5)

    def fail(folder):
        (folder / "half").write_bytes(b"x")
        raise RuntimeError("the device is gone")

    with pytest.raises(RuntimeError, match="the device is gone"):
        scratch.save(6, fail)
    assert resumed(scratch) == 5
