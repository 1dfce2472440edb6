"""What every registered task promises, by existing: each runs here over its own rows."""

import re
import subprocess
import sys
from collections import Counter
from dataclasses import fields
from functools import cache
from itertools import islice
from pathlib import Path

import pytest

from tests.tasks.hub_rows import MAKERS, rows_of
from w2s_ray.cli.tasks import folder_of
from w2s_ray.core.errors import ConfigError, DataError
from w2s_ray.core.specs import Source, TaskSpec, TrainSpec
from w2s_ray.stages.split import split
from w2s_ray.tasks import TASKS, task_of
from w2s_ray.tasks.base import class_in, text_in
from w2s_ray.tasks.files import source_of_files
from w2s_ray.tasks.load import Table, examples_in, tables

DATA = Path(__file__).parents[2] / ".." / "shared" / "data"


BEFORE_ANSWER = re.compile(" A: | Solution: |\\nTrait: |^ ")  # as the forms of candidates have it


@pytest.fixture(params=list(TASKS), ids=str)
def task(request):
    return TASKS[request.param]


def found_rows(task, num):
    """Tables of a task: generated, real where they are at hand, else hand-made in the hub's columns."""
    if task.source.kind == "hub" and task.name in MAKERS:
        return {role: Table(f"{task.name} {role}", rows_of(task.name, role)) for role in ("train", "test")}
    folder = folder_of(task.name, DATA)
    if task.source.kind == "hub" and folder is None:
        pytest.skip(f"no real rows of {task.name} here")
    source = source_of_files(folder) if task.source.kind == "hub" else task.source
    spec = TaskSpec(name=task.name, version=1, source=source, half=num, validation=num, test=num)
    return tables(task_of(spec), spec, {source.digest: str(folder)})


def real(task, num=200):
    """Examples of the first rows of each split."""
    return {
        role: list(islice(examples_in(task, table), num)) for role, table in found_rows(task, num).items()
    }


@cache
def halves(name, seed=0, num=1200):
    """What the split stage makes of the first rows of each split, all that balance leaves of them."""
    task = TASKS[name]
    spec = TaskSpec(name=name, version=1, source=task.source, half=0, validation=0, test=0)
    rows = found_rows(task, 0)
    return split(task, spec, seed, {role: Table(role, list(islice(rows[role].rows, num))) for role in rows})


def test_every_row_gives_valid_examples(task):
    for rows in real(task).values():
        for example in (example for row in rows for example in row):
            assert len(example.context) == len(example.text) == task.num_texts
            assert all(isinstance(text, str) and text.strip() for text in example.text)
            assert 0 <= example.label < task.num_classes
            assert example.group


def test_every_class_occurs_in_every_split(task):
    for rows in real(task, max(200, 2 * task.num_classes)).values():
        assert {example.label for row in rows for example in row} == set(range(task.num_classes))


def test_no_class_has_a_majority_after_the_split_and_no_group_is_in_two_parts(task):
    found = halves(task.name)
    homes = {}
    for name, items in found.items.items():
        for item in items:
            homes.setdefault(item.example.group, set()).add(name)
        if task.num_classes == 2 and len(items) > 100:
            assert max(Counter(item.label for item in items).values()) <= 0.55 * len(items)
    assert all(len(names) == 1 for names in homes.values())


def test_the_test_set_is_frozen_over_seeds(task):
    first, second = (halves(task.name, seed).items for seed in (0, 1))
    assert [item.id for item in first["test"]] == [item.id for item in second["test"]]
    assert {item.id for item in first["weak"]} != {item.id for item in second["weak"]}


def test_candidates_of_a_question_have_one_form_whatever_their_label(task):
    """What stands before the answer is the same for all; every task of candidates ends in the answer."""
    questions = {}
    for row in [row for rows in real(task).values() for row in rows]:
        for example in row:
            if example.question:
                questions.setdefault((example.context, example.question), []).append(example.text[0])
    for texts in questions.values():
        forms = {tuple(BEFORE_ANSWER.split(text, maxsplit=1)[:-1]) for text in texts}
        assert len(forms) == 1


def test_the_place_of_a_text_in_a_pair_says_nothing(task):
    if task.kind == "pairwise" and task.name not in MAKERS:
        labels = [example.label for rows in real(task).values() for row in rows for example in row]
        assert 0.4 < sum(labels) / len(labels) < 0.6


def test_a_declaration_is_complete(task):
    assert task.version >= 1 and task.licence and task.columns
    assert min(task.half, task.validation, task.test) > 0
    assert set(task.splits) == {"train", "test"}
    assert {field.name for field in fields(TrainSpec)} >= set(task.recipe)
    assert bool(task.published) == bool(task.published_in)
    assert not task.rows or set(task.rows) & set(task.splits.values())
    if task.source.kind == "hub":
        assert "/" in task.source.name
        assert task.source.revision is None or len(task.source.revision) == 40


def test_declarations_import_nothing_heavy():
    heavy = ["torch", "transformers", "datasets", "pandas", "pyarrow", "numpy"]
    code = f"import sys; from w2s_ray.tasks import TASKS; list(TASKS); print([m for m in {heavy} if m in sys.modules])"
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


def test_a_prompt_has_words_for_every_class_and_a_place_for_the_text(task):
    if task.kind not in ("binary", "kclass") or task.medium != "text":
        assert task.prompt is None
        return
    assert len(task.asked.words) == task.num_classes and all(task.asked.words)
    assert len({word for group in task.asked.words for word in group}) == sum(map(len, task.asked.words))
    assert task.asked.form.count("{text}") == 1 and not task.asked.form.endswith(" ")
