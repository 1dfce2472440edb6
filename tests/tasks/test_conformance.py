"""What every registered task promises, by existing: each runs here over its own rows."""

import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest

from w2s_ray.core.errors import ConfigError, DataError
from w2s_ray.core.specs import Source, TaskSpec
from w2s_ray.tasks import TASKS, task_of
from w2s_ray.tasks.base import class_in, text_in
from w2s_ray.tasks.files import source_of_files
from w2s_ray.tasks.load import examples_in, tables

DATA = Path(__file__).parents[2] / ".." / "shared" / "data"
FOLDERS = {"sst2": "glue_sst2", "boolq": "boolq", "sciq": "sciq"}


@pytest.fixture(params=list(TASKS), ids=str)
def task(request):
    return TASKS[request.param]


def real(task, num=200):
    """Examples of the first rows of each split: generated, or real where they are at hand."""
    folder = DATA / FOLDERS.get(task.name, "none")
    if task.source.kind == "hub" and not folder.exists():
        pytest.skip(f"no real rows of {task.name} here")
    source = source_of_files(folder) if task.source.kind == "hub" else task.source
    spec = TaskSpec(name=task.name, version=1, source=source, half=num, validation=num, test=num)
    found = tables(task_of(spec), spec, {source.digest: str(folder)})
    return {role: list(islice(examples_in(task, table), num)) for role, table in found.items()}


def test_every_row_gives_valid_examples(task):
    for rows in real(task).values():
        for example in (example for row in rows for example in row):
            assert len(example.context) == len(example.text) == task.num_texts
            assert all(isinstance(text, str) and text.strip() for text in example.text)
            assert 0 <= example.label < task.num_classes
            assert example.group


def test_every_class_occurs_in_every_split(task):
    for rows in real(task).values():
        assert {example.label for row in rows for example in row} == set(range(task.num_classes))


def test_a_declaration_is_complete(task):
    assert task.version >= 1 and task.licence and task.columns
    assert min(task.half, task.validation, task.test) > 0
    assert set(task.splits) == {"train", "test"}
    if task.source.kind == "hub":
        assert "/" in task.source.name
        assert task.source.revision is None or len(task.source.revision) == 40


def test_declarations_import_nothing_heavy():
    heavy = ["torch", "transformers", "datasets", "pandas", "pyarrow", "numpy"]
    code = f"import sys; from w2s_ray.tasks import TASKS; list(TASKS); print([m for m in {heavy} if m in sys.modules])"  # noqa: E501
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_candidates_of_sciq_have_one_form_whatever_their_label():
    for row in real(TASKS["sciq"], 100)["train"]:
        stems = {example.text[0].rsplit(" A: ", 1)[0] for example in row}
        assert len(stems) == 1, "candidates differ in more than the answer"
        assert [example.label for example in row] == [1, 0, 0, 0]
        assert {example.context for example in row} == {("",)}


def test_an_unknown_task_is_met_with_the_nearest_name():
    with pytest.raises(ConfigError, match="did you mean 'boolq'"):
        TASKS["bolq"]


def test_a_registered_task_reads_the_source_of_its_specification():
    files = Source(kind="files", digest="0" * 64)
    spec = TaskSpec(name="sst2", version=1, source=files, half=1, validation=1, test=1)
    assert task_of(spec).source == files
    assert task_of(spec).name == "sst2"


@pytest.mark.parametrize("raw", [1, 1.0, "1", " 1 "])
def test_a_label_is_read_by_its_spelling(raw):
    assert class_in({"label": raw}, "label", {"0": 0, "1": 1}) == 1


@pytest.mark.parametrize("raw", [None, float("nan"), -1, "", "maybe"])
def test_a_label_that_is_none_of_the_classes_is_refused(raw):
    with pytest.raises(DataError, match="column 'label'"):
        class_in({"label": raw}, "label", {"0": 0, "1": 1})


@pytest.mark.parametrize("raw", [None, float("nan"), "", "  ", 3])
def test_a_text_that_is_none_is_refused(raw):
    with pytest.raises(DataError, match="column 'sentence'"):
        text_in({"sentence": raw}, "sentence")
