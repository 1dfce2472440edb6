"""Rows come from files of every format alike; what is wrong with them is told by file, row and column."""

import csv
import gzip
import json
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from w2s_ray.core.errors import DataError, EnvironmentFault
from w2s_ray.core.specs import TaskSpec
from w2s_ray.tasks import TASKS, hub, task_of
from w2s_ray.tasks.files import source_of_files
from w2s_ray.tasks.load import examples_in, tables


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """No test of this file asks the hub."""
    monkeypatch.setattr(hub, "reachable", lambda: False)


ROWS = [{"sentence": f"phrase, no. {n} \u201cé\u201d", "label": n % 2} for n in range(5)]


def save(rows, file):
    if file.name.endswith(".parquet"):
        pq.write_table(pa.Table.from_pylist(rows), file)
    elif file.name.endswith(".csv"):
        with file.open("w", encoding="utf-8-sig", newline="") as stream:
            writer = csv.DictWriter(stream, rows[0])
            writer.writeheader()
            writer.writerows(rows)
    else:
        text = "\r\n".join(map(json.dumps, rows)) + "\n\n"
        file.write_bytes(gzip.compress(text.encode()) if file.name.endswith(".gz") else text.encode())


def spec_of(path, name="sst2"):
    source = source_of_files(path)
    return TaskSpec(name=name, version=1, source=source, half=2, validation=2, test=2), {
        source.digest: str(path)
    }


def read(path):
    spec, places = spec_of(path)
    task = task_of(spec)
    return {role: [example for row in examples_in(task, table) for example in row]
            for role, table in tables(task, spec, places).items()}  # fmt: skip


@pytest.mark.parametrize("suffix", ["jsonl", "jsonl.gz", "parquet", "csv"])
def test_every_format_gives_the_same_examples(tmp_path, suffix):
    save(ROWS, tmp_path / f"train.{suffix}")
    save(ROWS[:2], tmp_path / f"validation.{suffix}")
    found = read(tmp_path)
    assert [(example.text[0], example.label) for example in found["train"]] == [
        (row["sentence"], row["label"]) for row in ROWS
    ]
    assert len(found["test"]) == 2


def test_a_single_file_holds_all_rows(tmp_path):
    save(ROWS, tmp_path / "mine.jsonl")
    assert set(read(tmp_path / "mine.jsonl")) == {"all"}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"label": 1}, "no column 'sentence'; there are label"),
        ({"sentence": "x", "label": None}, "column 'label' has no label"),
        ({"sentence": "x", "label": float("nan")}, "column 'label' has no label"),
        ({"sentence": "x", "label": -1}, "the label -1; expected one of 0, 1"),
        ({"sentence": "x", "label": 0.5}, "the label 0.5; expected one of 0, 1"),
        ({"sentence": " ", "label": 1}, "column 'sentence' is empty"),
        ({"sentence": None, "label": 1}, "column 'sentence' is None"),
        ({"sentence": "\ud800", "label": 1}, "is not valid Unicode"),
        ({"sentence": "x", "label": [1]}, "the label [1]; expected one of 0, 1"),
    ],
)
def test_a_bad_row_is_told_by_file_row_and_column(tmp_path, row, message):
    save([*ROWS[:2], row], tmp_path / "train.jsonl")
    save(ROWS, tmp_path / "validation.jsonl")
    with pytest.raises(DataError) as refused:
        read(tmp_path)
    assert "train.jsonl, row 3: " in str(refused.value) and message in str(refused.value)


def test_a_label_that_a_formatter_lets_through_must_be_a_class(tmp_path):
    (tmp_path / "mine.csv").write_text("text,label\n<bos> review,1\n")
    spec, places = spec_of(tmp_path / "mine.csv", name="review")
    with pytest.raises(DataError, match=r"mine.csv, row 1: the label '1' is none of the 2 classes"):
        list(examples_in(task_of(spec), tables(task_of(spec), spec, places)["all"]))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("train.jsonl", b"", "no rows"),
        ("train.jsonl", b"\n{", "line 2: not JSON"),
        ("train.jsonl", b"[1]\n", "line 1: expected a JSON object"),
        ("train.jsonl", b"\xff\xfe\n", "not readable as UTF-8"),
        ("train.jsonl.gz", b"not gzip", "not readable as UTF-8 JSON lines"),
        ("train.jsonl.gz", gzip.compress(b"{}" * 999, mtime=0)[:-12], "not readable as UTF-8 JSON lines"),
        ("train.parquet", b"not parquet", "not readable as Parquet"),
        ("train.csv", b"sentence,label\n", "no rows"),
        ("train.csv", b'sentence,label\n"x', "not readable as UTF-8 CSV"),
        ("train.csv", b"sentence,label\nx\n", "column 'label' has no label"),
    ],
)
def test_a_damaged_file_is_told_by_name(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    save(ROWS, tmp_path / "validation.jsonl")
    with pytest.raises(DataError) as refused:
        read(tmp_path)
    assert name in str(refused.value) and message in str(refused.value)


def test_a_missing_split_is_told_with_those_that_are_there(tmp_path):
    save(ROWS, tmp_path / "train.jsonl")
    with pytest.raises(DataError, match="no file for the split 'validation' of 'sst2'; there are train"):
        read(tmp_path)


def test_files_that_are_not_here_or_have_changed_are_told(tmp_path):
    save(ROWS, tmp_path / "mine.jsonl")
    spec, places = spec_of(tmp_path / "mine.jsonl")
    with pytest.raises(EnvironmentFault, match="not on this machine"):
        tables(task_of(spec), spec, {})
    save(ROWS[:3], tmp_path / "mine.jsonl")
    with pytest.raises(DataError, match="changed since the sweep was planned"):
        tables(task_of(spec), spec, places)


@pytest.mark.parametrize(
    "cause", [ConnectionError("no route"), RuntimeError("Dataset scripts are no longer supported")]
)
def test_an_unreachable_hub_names_what_to_fetch_and_how_to_use_files(monkeypatch, cause):
    import datasets

    def refuse(*_, **__):
        raise cause

    monkeypatch.setattr(datasets, "load_dataset", refuse)
    task = TASKS["sst2"]
    spec = TaskSpec(name="sst2", version=1, source=task.source, half=2, validation=2, test=2)
    with pytest.raises(EnvironmentFault) as fault:
        tables(task, spec, {})
    for part in ("stanfordnlp/sst2", task.source.revision, "tasks.sst2.path", str(cause)):
        assert part in str(fault.value)


def test_the_hub_is_asked_for_the_pinned_revision(monkeypatch):
    import datasets

    asked = []
    monkeypatch.setattr(
        datasets, "load_dataset", lambda *args, **options: asked.append((args, options)) or ROWS
    )
    task = TASKS["sst2"]
    spec = TaskSpec(name="sst2", version=1, source=task.source, half=2, validation=2, test=2)
    tables(task, spec, {})
    tables(task, replace(spec, source=replace(task.source, config="tiny", revision=None)), {})
    assert asked[0] == (("stanfordnlp/sst2", None), {"split": "train", "revision": task.source.revision})
    assert asked[1][1]["split"] == "validation"
    assert asked[2] == (("stanfordnlp/sst2", "tiny"), {"split": "train", "revision": None})


def test_a_folder_without_the_tasks_own_splits_is_read_by_its_train_and_test(tmp_path):
    save(ROWS, tmp_path / "train.jsonl")
    save(ROWS[:3], tmp_path / "validation.jsonl")
    spec, places = spec_of(tmp_path, name="mc_taco")  # whose own are "test" and "validation"
    found = tables(task_of(spec), spec, places)
    assert [len(list(table.rows)) for table in found.values()] == [5, 3]
    save(ROWS[:2], tmp_path / "test.jsonl")
    spec, places = spec_of(tmp_path, name="sst2")
    assert len(list(tables(task_of(spec), spec, places)["test"].rows)) == 3
