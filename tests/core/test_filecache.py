"""Digests of files are remembered, never trusted blindly."""

from __future__ import annotations

import hashlib
import os
import shutil

import pytest

from w2s_ray.core import filecache
from w2s_ray.core.filecache import digest_of


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The folder of entries, in a world where every file has settled at once."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(filecache, "SETTLED_NS", -1)
    return tmp_path / "cache" / "w2s_ray" / "digests"


@pytest.fixture
def big(tmp_path):
    path = tmp_path / "big ß.bin"
    path.write_bytes(bytes(100_000))
    return path


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 1_000_000])
def test_it_is_the_sha256_of_the_content(cache, tmp_path, size):
    path = tmp_path / "x"
    path.write_bytes(os.urandom(size))
    assert digest_of(path) == digest_of(str(path)) == sha256(path)


def test_a_large_file_is_read_once(cache, big, monkeypatch):
    first = digest_of(big)
    monkeypatch.setattr(hashlib, "file_digest", None)  # a second reading would fail
    assert digest_of(big) == first
    assert len(list(cache.iterdir())) == 1


def test_a_small_file_is_read_rather_than_looked_up(cache, tmp_path):
    (tmp_path / "small").write_bytes(b"x")
    digest_of(tmp_path / "small")
    assert not cache.exists()


def test_another_size_time_or_file_is_seen(cache, big, tmp_path):
    known = {digest_of(big)}
    big.write_bytes(bytes(99_999) + b"xy")
    known.add(digest_of(big))
    big.write_bytes(bytes(99_999) + b"z")
    known.add(digest_of(big))
    assert len(known) == 3


def test_a_file_replaced_by_one_of_equal_size_and_time_is_seen(cache, big, tmp_path):
    first, times = digest_of(big), (big.stat().st_atime_ns, big.stat().st_mtime_ns)
    other = tmp_path / "other"
    other.write_bytes(b"x" * 100_000)
    os.utime(other, ns=times)
    other.replace(big)
    assert big.stat().st_mtime_ns == times[1]
    assert digest_of(big) == sha256(big) != first


def test_a_change_in_place_with_its_time_put_back_is_seen(cache, big):
    first, times = digest_of(big), (big.stat().st_atime_ns, big.stat().st_mtime_ns)
    big.write_bytes(b"x" * 100_000)
    os.utime(big, ns=times)
    assert digest_of(big) == sha256(big) != first


def test_a_file_written_just_now_is_not_remembered(cache, big, monkeypatch):
    monkeypatch.setattr(filecache, "SETTLED_NS", 10**15)
    digest_of(big)
    assert not cache.exists()


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"x": 3}', b"\0", b"\xff", b"[" * 100_000])
def test_a_damaged_entry_costs_time_only(cache, big, damage):
    first = digest_of(big)
    (entry,) = cache.iterdir()
    entry.write_bytes(damage)
    assert digest_of(big) == first
    assert digest_of(big) == first


def test_a_flipped_bit_in_an_entry_is_never_believed(cache, big):
    first = digest_of(big)
    (entry,) = cache.iterdir()
    good = entry.read_bytes()
    for place in range(len(good)):
        entry.write_bytes(good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :])
        assert digest_of(big) == first


def test_a_home_that_cannot_be_written_costs_time_only(big, tmp_path, monkeypatch):
    monkeypatch.setattr(filecache, "SETTLED_NS", -1)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert digest_of(big) == sha256(big)


def test_a_link_is_the_file_it_leads_to(cache, big, tmp_path):
    (tmp_path / "link").symlink_to(big)
    assert digest_of(tmp_path / "link") == digest_of(big)
    assert len(list(cache.iterdir())) == 1


def test_no_temporary_file_is_left(cache, big):
    digest_of(big)
    shutil.copy(big, big.with_name("copy"))
    digest_of(big.with_name("copy"))
    assert sorted(len(entry.name) for entry in cache.iterdir()) == [64, 64]
