"""How hub repositories are asked: by folder, by the files of a Parquet branch, by a share of their rows."""

import time
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from w2s_ray.core.errors import EnvironmentFault
from w2s_ray.core.specs import TaskSpec
from w2s_ray.tasks import TASKS, hub, task_of
from w2s_ray.tasks.load import tables

ROWS = [{"sentence": f"phrase {n}", "label": n % 2} for n in range(5)]


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """No test of this file asks the hub."""
    monkeypatch.setattr(hub, "reachable", lambda: False)


def spec_from_hub(task_name, **source):
    task = TASKS[task_name]
    return TaskSpec(
        name=task_name, version=1, source=replace(task.source, **source), half=2, validation=2, test=2
    )


def test_a_subset_that_is_a_folder_is_asked_for_as_such_and_only_of_its_own_repository(monkeypatch):
    import datasets

    asked = []
    monkeypatch.setattr(datasets, "load_dataset", lambda *args, **options: asked.append(options) or ROWS)
    for spec in (spec_from_hub("hh_helpful"), spec_from_hub("hh_helpful", name="mine/hh")):
        tables(task_of(spec), spec, {})
    assert asked[0]["data_dir"] == "helpful-base" and "data_dir" not in asked[-1]


@pytest.mark.parametrize(
    ("name", "file", "revision"),
    [
        ("ethics_justice", "justice/{}/0000.parquet", "6deab74c03e30f13540266e373ce31f8466169f8"),
        ("quail", "default/{}/0000.parquet", "refs/convert/parquet"),
        ("mc_taco", "any/{}/0001.parquet", "refs/convert/parquet"),
    ],
)
def test_repositories_with_a_script_are_read_from_the_files_of_their_parquet_branch(
    tmp_path, monkeypatch, name, file, revision
):
    import huggingface_hub

    asked = []

    def snapshot(*args, **options):
        asked.append((args, options["revision"], options["repo_type"]))
        return str(tmp_path)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    for split in TASKS[name].splits.values():
        (tmp_path / file.format(split)).parent.mkdir(parents=True)
        pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / file.format(split))
    spec = spec_from_hub(name)
    found = tables(task_of(spec), spec, {})
    assert {role: list(table.rows) for role, table in found.items()} == {"train": ROWS, "test": ROWS}
    assert asked == [((TASKS[name].source.name,), revision, "dataset")] * 2


def test_a_missing_parquet_file_is_told_with_its_repository(tmp_path, monkeypatch):
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda *_, **__: str(tmp_path))
    spec = spec_from_hub("dream")
    with pytest.raises(
        EnvironmentFault, match=r"dataset-org/dream@ca4c45.*no file plain_text/train/0000.parquet"
    ):
        tables(task_of(spec), spec, {})


def test_without_an_answer_the_hub_is_given_up_at_once(monkeypatch):
    began = time.monotonic()
    for name in ("sst2", "ethics_justice"):
        spec = spec_from_hub(name)
        with pytest.raises(EnvironmentFault, match=f"tasks.{name}.path"):
            tables(task_of(spec), spec, {})
    assert time.monotonic() - began < 10  # the hub's own clients retry for half a minute


def test_of_a_huge_set_the_same_share_of_rows_is_read_in_any_order(monkeypatch):
    import datasets

    rows = [{"title": f"t {n}", "content": f"c {n}", "label": n % 2} for n in range(3200)]
    spec, found = spec_from_hub("amazon_polarity"), []
    for order in (rows, rows[::-1]):
        monkeypatch.setattr(
            datasets, "load_dataset", lambda *_, order=order, **__: datasets.Dataset.from_list(order)
        )
        found.append(list(tables(task_of(spec), spec, {})["train"].rows))
    assert found[0] == found[1][::-1] and 60 < len(found[0]) < 150
