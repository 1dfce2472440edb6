"""Local files are named by content, wherever they lie; digests are remembered, never trusted blindly."""

import json
import os
import subprocess
import sys
import time

import pytest

from w2s_ray.core.errors import ConfigError
from w2s_ray.tasks import files
from w2s_ray.tasks.files import files_in, source_of_files


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder / "w2s_ray" / "digests.json"


def write(folder, **splits):
    folder.mkdir(exist_ok=True)
    for split, text in splits.items():
        file = folder / f"{split}.jsonl"
        file.write_text(text)
        os.utime(file, (time.time() - 60,) * 2)
    return folder


def test_equal_content_is_one_source_in_any_place(tmp_path):
    first = source_of_files(write(tmp_path / "a", train="1", test="2"))
    assert first == source_of_files(write(tmp_path / "b", test="2", train="1"))
    assert first.kind == "files" and len(first.digest) == 64 and first.pinned


@pytest.mark.parametrize("other", [{"train": "1", "test": "3"}, {"train": "2", "test": "1"}, {"train": "1"}])
def test_other_content_is_another_source(tmp_path, other):
    first = source_of_files(write(tmp_path / "a", train="1", test="2"))
    assert first != source_of_files(write(tmp_path / "b", **other))


def test_a_single_file_is_named_by_its_bytes_and_format(tmp_path):
    folder = write(tmp_path / "a", x="1", y="1")
    (tmp_path / "z.csv").write_text("1")
    assert source_of_files(folder / "x.jsonl") == source_of_files(folder / "y.jsonl")
    assert source_of_files(folder / "x.jsonl") != source_of_files(tmp_path / "z.csv")


def test_a_digest_is_remembered_and_a_change_is_seen(tmp_path, cache, monkeypatch):
    folder = write(tmp_path / "a", train="1")
    first = source_of_files(folder)
    assert len(json.loads(cache.read_text())) == 1
    with monkeypatch.context() as patch:
        patch.setattr(files.hashlib, "file_digest", None)  # a second reading would fail
        assert source_of_files(folder) == first
    assert source_of_files(write(folder, train="22")) != first


def test_a_file_written_just_now_is_not_remembered(tmp_path, cache):
    (tmp_path / "train.jsonl").write_text("1")
    source_of_files(tmp_path)
    assert not cache.exists()


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"x": 3}', "\x00"])
def test_a_damaged_cache_costs_time_only(tmp_path, cache, damage):
    folder = write(tmp_path / "a", train="1")
    first = source_of_files(folder)
    cache.write_text(damage)
    assert source_of_files(folder) == first
    assert source_of_files(folder) == first


def test_a_home_that_cannot_be_written_costs_time_only(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert source_of_files(write(tmp_path / "a", train="1")).digest


def test_planning_needs_the_standard_library_only():
    code = "import sys, w2s_ray.tasks.files; print('numpy' in sys.modules, 'pyarrow' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False False"


def test_what_is_no_data_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="no file or folder"):
        files_in(tmp_path / "absent")
    with pytest.raises(ConfigError, match="holds no data file; expected <split>"):
        files_in(tmp_path)
    (tmp_path / "notes.pkl").write_text("")
    with pytest.raises(ConfigError, match="unknown kind of data file; expected jsonl"):
        files_in(tmp_path / "notes.pkl")


def test_a_split_in_two_formats_is_refused(tmp_path):
    for name in ("train.csv", "train.jsonl"):
        (tmp_path / name).write_text("")
    with pytest.raises(ConfigError, match="the split 'train' twice"):
        files_in(tmp_path)
