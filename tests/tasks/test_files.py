"""Local files are named by content, wherever they lie."""

import subprocess
import sys

import pytest

from w2s_ray.core.errors import ConfigError
from w2s_ray.tasks.files import files_in, source_of_files


def write(folder, **splits):
    folder.mkdir(exist_ok=True)
    for split, text in splits.items():
        (folder / f"{split}.jsonl").write_text(text)
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
