"""Disks that are full, read-only or broken: place and next step are named, no half-written file is believed."""

from __future__ import annotations

import errno
import os
import re
import subprocess

import pytest

from tests.store.results import FILES, commit, content, fill, key_of, record_of
from w2s_ray.core.errors import EnvironmentFault
from w2s_ray.store import Leases, Scratch, Store

NEXT_STEP = "run the same command again: finished stages are kept"


class Failing:
    """A system call whose n-th use fails."""

    def __init__(self, real, number, code):
        self.real, self.left, self.code = real, number, code

    def __call__(self, *arguments, **options):
        self.left -= 1
        if self.left == 0:
            raise OSError(self.code, os.strerror(self.code))
        return self.real(*arguments, **options)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO], ids=errno.errorcode.get)
@pytest.mark.parametrize("call", ["fsync", "link", "mkdir", "open"])
def test_a_commit_survives_the_failure_of_any_one_system_call(local, tmp_path, monkeypatch, call, code):
    kept, failures = commit(local, "kept"), 0
    for number in range(1, 30):
        name = f"{call}-{number}"
        with monkeypatch.context() as patch:
            failing = Failing(getattr(os, call), number, code)
            patch.setattr(os, call, failing)
            try:
                commit(local, name)
            except EnvironmentFault as fault:
                failures += 1
                assert str(tmp_path) in str(fault) and NEXT_STEP in str(fault)
            except OSError as error:  # of the stage's own writing, and worth another try
                failures += 1
                assert error.errno == code == errno.EIO
        found = local.find(key_of(name))
        assert found is None or content(local.open(found)) == FILES
        assert content(local.open(commit(local, name))) == FILES
        if failing.left > 0:
            break
    assert failing.left > 0, "every call has had its turn"
    assert failures
    assert content(local.open(local.find(kept.key))) == FILES


def test_a_stage_that_fills_the_disk_is_told_where_and_what_to_do(local):
    with pytest.raises(EnvironmentFault, match=NEXT_STEP), local.building(key_of("a")) as attempt:
        (attempt.path / "weights").symlink_to("/dev/full")
        with (attempt.path / "weights").open("wb") as file:
            file.write(b"x" * 100_000)
    assert local.backend.names(key_of("a")) == []


def test_a_format_that_hides_a_full_disk_in_an_error_of_its_own_is_understood(store):
    with pytest.raises(EnvironmentFault, match=NEXT_STEP), store.building(key_of("a")):
        raise RuntimeError("I/O error: No space left on device (os error 28)")


def test_any_other_error_of_a_stage_stays_what_it_is(store):
    with pytest.raises(FileNotFoundError), store.building(key_of("a")) as attempt:
        (attempt.path / "absent").read_bytes()


def test_a_checkpoint_that_fills_the_disk_leaves_the_older_one(local, tmp_path, monkeypatch):
    scratch = Scratch(backend=local.backend, key=key_of("a"), layout="x")
    scratch.save(1, lambda folder: fill(folder, {"state": b"1"}))
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", Failing(os.fsync, 1, errno.ENOSPC))
        with pytest.raises(EnvironmentFault, match=NEXT_STEP):
            scratch.save(2, lambda folder: fill(folder, {"state": b"2"}))
    assert (scratch.latest() / "state").read_bytes() == b"1"


def test_a_root_that_is_a_file_is_named(tmp_path):
    (tmp_path / "store").write_text("")
    with pytest.raises(EnvironmentFault, match=re.escape(str(tmp_path / "store"))):
        commit(Store(tmp_path / "store"), "a")


def test_a_root_that_cannot_be_written_is_named_and_still_read(local, monkeypatch):
    """Permission bits do not stop root, who may run this test; the system's own answer does."""
    made = commit(local, "a")
    for call in ("mkdir", "link", "unlink", "rename", "replace"):
        monkeypatch.setattr(os, call, Failing(getattr(os, call), 1, errno.EROFS))
    assert content(local.open(local.find(made.key))) == FILES
    with pytest.raises(EnvironmentFault, match=f"Read-only file system.*{NEXT_STEP}"):
        commit(local, "b")


@pytest.fixture
def tiny_disk(tmp_path):
    """A file system of 256 KiB, where this user may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if os.getuid() or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs the right to mount a file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_is_really_full_loses_nothing_finished(tiny_disk):
    store = Store(tiny_disk / "store")
    kept = commit(store, "kept")
    with pytest.raises(EnvironmentFault, match=f"No space left.*{NEXT_STEP}"):
        commit(store, "big", {"weights": b"x" * 400_000})
    filler = tiny_disk / "filler"
    with pytest.raises(OSError), filler.open("wb", buffering=0) as file:
        while file.write(b"x" * 4096):
            continue
    with pytest.raises(EnvironmentFault, match=NEXT_STEP):
        commit(store, "small")
    with pytest.raises(EnvironmentFault, match=NEXT_STEP):
        Leases(store.backend).acquire(key_of("small"))
    assert store.keys() == [kept.key] and content(store.open(kept)) == FILES
    filler.unlink()
    assert content(store.open(commit(store, "small"))) == FILES
    assert store.backend.names(key_of("big")) == []


def test_a_disk_that_turns_read_only_in_mid_run_loses_nothing_finished(tiny_disk):
    store = Store(tiny_disk / "store")
    kept, leases = commit(store, "kept"), Leases(store.backend)
    assert leases.acquire(key_of("a"))
    with pytest.raises(EnvironmentFault, match=NEXT_STEP), store.building(key_of("a")) as attempt:
        fill(attempt.path)
        subprocess.run(["mount", "-o", "remount,ro", str(tiny_disk)], check=True)
        store.commit(attempt, record_of("a"))
    leases.close()
    assert store.find(key_of("a")) is None and content(store.open(kept)) == FILES
    subprocess.run(["mount", "-o", "remount,rw", str(tiny_disk)], check=True)
    assert content(store.open(commit(store, "a"))) == FILES
    assert store.collect_garbage() == [], "the lease that could not be removed is of a living process"
