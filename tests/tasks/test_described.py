"""A task can be described in YAML alone."""

import json

import pytest
import yaml

from w2s_ray.cli.lint import lint_of
from w2s_ray.cli.prepare import Subject
from w2s_ray.core.errors import ConfigError, DataError
from w2s_ray.core.identity import digest
from w2s_ray.core.specs import Source, TaskSpec
from w2s_ray.stages.split import split
from w2s_ray.tasks import describe, normalised, task_of
from w2s_ray.tasks.files import source_of_files
from w2s_ray.tasks.load import tables
from w2s_ray.tasks.show import WORDS, example_lines

FILES = Source(kind="files", digest="0" * 64)


def described(**definition):
    return describe("mine", definition, source=FILES)


def test_templates_fill_the_columns_of_a_row():
    task = described(
        context="{passage}\n",
        text="Question: {question}",
        label="answer",
        labels=["no", "yes"],
        group="passage",
    )
    (example,) = task.examples({"passage": "Rain.", "question": "dry?", "answer": "no"})
    assert (example.context, example.text, example.label, example.group) == (
        ("Rain.\n",), ("Question: dry?",), 0, "Rain.")  # fmt: skip
    assert task.columns == ("answer", "passage", "question")
    assert (task.kind, task.label_words) == ("binary", ("0", "1"))


def test_raw_labels_may_be_grouped_into_classes():
    task = described(text="{premise} {hypothesis}", label="label", labels={"0": 1, "1": 0, "2": 0})
    rows = [{"premise": "a", "hypothesis": "b", "label": label} for label in (0, 1, 2)]
    assert [task.examples(row)[0].label for row in rows] == [1, 0, 0]


def test_a_kclass_task_has_a_word_for_each_class():
    task = described(
        kind="kclass",
        text="{text}",
        label="topic",
        labels=["art", "sport", "war"],
        label_words=["A", "B", "C"],
    )
    assert task.num_classes == 3
    assert task.examples({"text": "goal", "topic": "sport"})[0].label == 1


@pytest.mark.parametrize("right", [1, "1", "answerB"])
def test_choices_become_candidates_of_one_question(right):
    task = described(text="{question} {choice}", label="label", choices=["answerA", "answerB"])
    found = task.examples({"question": "2 + 2 =", "answerA": "5", "answerB": "4", "label": right})
    assert [(example.text[0], example.label) for example in found] == [("2 + 2 = 5", 0), ("2 + 2 = 4", 1)]
    assert len({example.question for example in found}) == 1


@pytest.mark.parametrize("right", [1, "1", "four", " four "])
def test_one_column_may_list_the_choices_and_another_answer_by_place_or_text(right):
    task = described(text="{q} {choice}", choices="options", answer="key", group="q")
    row = {"q": "2 + 2 =", "options": ["five", "four", "six"], "key": right}
    found = task.examples(row)
    assert [(example.text[0], example.label) for example in found] == [
        ("2 + 2 = five", 0), ("2 + 2 = four", 1), ("2 + 2 = six", 0)]  # fmt: skip
    assert task.columns == ("key", "options", "q")


def test_columns_of_choices_may_be_answered_by_text():
    task = described(text="{choice}", choices=["a", "b"], answer="key")
    assert [example.label for example in task.examples({"a": "x", "b": "y", "key": "y"})] == [0, 1]


@pytest.mark.parametrize(
    ("options", "right", "message"),
    [
        (["2", "0", "1"], "1", "a place and a text of another place"),
        (["a", "b"], 2, "neither a place from 0 to 1 nor one of the choices"),
        (["a", "b"], -1, "neither a place"),
        (["a", "b"], None, "neither a place"),
        (["a", "b"], True, "neither a place"),
        ("a b", 0, "column 'options' is 'a b', not a list"),
        (["a", ""], 0, r"column 'options\[1\]' is empty"),
    ],
)
def test_an_answer_that_names_no_choice_or_two_is_refused(options, right, message):
    task = described(text="{choice}", choices="options", answer="key")
    with pytest.raises(DataError, match=message):
        task.examples({"options": options, "key": right})


@pytest.mark.parametrize("labels", [{0: 1, 1: 0}, {False: 1, True: 0}, {0.0: 1, 1.0: 0}])
def test_raw_labels_need_no_quotes_and_are_the_same_definition_with_them(labels):
    quoted = {str(key).lower().removesuffix(".0"): value for key, value in labels.items()}
    definition = {"text": "{a}", "label": "y", "labels": labels}
    assert normalised(definition) == {**definition, "labels": quoted}
    assert digest(normalised(definition)) == digest({**definition, "labels": quoted})
    task = described(**definition)
    assert [task.examples({"a": "x", "y": raw})[0].label for raw in labels] == [1, 0]


def test_messages_name_the_task_as_its_user_does():
    with pytest.raises(ConfigError, match="task 'mine': unknown key"):
        describe("described", {"txt": "{a}"}, source=FILES, alias="mine")
    assert (
        describe("described", {"text": "{a}", "label": "y"}, source=FILES, alias="mine").name == "described"
    )


EXAMPLE = """
task:
  kind: binary
  context: "{article}\\n"
  text: "Q: {question} A: {choice}"
  choices: options          # a column with a list; or the names of columns: [first, second, third]
  answer: correct           # a column with the right one's place from 0, or its text
  group: article            # rows of one article stay in one split
"""


def test_the_documented_example_of_multiple_choice_becomes_balanced_splits(tmp_path):
    rows = [{"article": f"Article {n // 4}.", "question": f"Question {n}?", "correct": f"yes {n}",
             "options": [f"no {n}", f"yes {n}", f"hardly {n}"]} for n in range(240)]  # fmt: skip
    (tmp_path / "mine.jsonl").write_text("\n".join(map(json.dumps, rows)))
    definition = yaml.safe_load(EXAMPLE)["task"]
    source = source_of_files(tmp_path / "mine.jsonl")
    spec = TaskSpec(
        name="mine", version=1, source=source, half=0, validation=0, test=0, definition=definition
    )
    task = task_of(spec)
    found = split(task, spec, 0, tables(task, spec, {source.digest: str(tmp_path / "mine.jsonl")}))
    for items in found.items.values():
        assert 2 * sum(item.label for item in items) == len(items) > 0
        assert all(item.example.context[0].startswith("Article") for item in items)


def test_a_pair_without_label_has_its_better_text_first_in_the_row_alone():
    task = described(kind="pairwise", texts=["{chosen}", "{rejected}"])
    found = [task.examples({"chosen": f"good {n}", "rejected": f"bad {n}"})[0] for n in range(200)]
    assert all(example.text[1 - example.label].startswith("good") for example in found)
    assert 60 < sum(example.label for example in found) < 140
    assert task.label_words == ()


def test_a_task_comes_back_from_its_specification():
    definition = {"text": "{text}", "label": "y"}
    spec = TaskSpec(name="mine", version=1, source=FILES, half=1, validation=1, test=1, definition=definition)
    assert task_of(spec).examples({"text": "hm", "y": 1})[0].label == 1
    assert digest(spec)


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        ({"text": "{a}", "lable": "y"}, "unknown key 'lable'; did you mean 'label"),
        ({"kind": "binry", "text": "{a}", "label": "y"}, "did you mean 'binary'"),
        ({"text": "{a}"}, "label = None"),
        ({"label": "y"}, "has one template, under 'text'"),
        ({"text": "{a.__class__}", "label": "y"}, "plain name of a column"),
        ({"text": "{a[0]}", "label": "y"}, "plain name of a column"),
        ({"text": "{}", "label": "y"}, "plain name of a column"),
        ({"text": "{a", "label": "y"}, "expected '}'"),
        ({"text": "{a}", "label": "y", "labels": {0: 0, "0": 1}}, "'0' is listed twice"),
        ({"text": "{choice}", "choices": "c"}, "told by 'answer'"),
        ({"text": "{choice}", "choices": "c", "answer": "y", "label": "y"}, "told by 'answer'"),
        ({"text": "{choice}", "choices": ["c"], "answer": "y"}, "two columns at least"),
        ({"text": "{a}", "choices": "c", "answer": "y"}, "has {choice}"),
        ({"text": "{a}", "label": "y", "answer": "y"}, "has {choice}"),
        ({"text": "{a}", "label": "y", "labels": ["no"]}, "expected the classes 0 … 1"),
        ({"text": "{a}", "label": "y", "labels": {"no": 0, "yes": 1, "so": "x"}}, "expected the classes"),
        ({"text": "{a}", "label": "y", "labels": 3}, "expected a list or a mapping"),
        ({"kind": "kclass", "text": "{a}", "label": "y"}, "lists its raw labels"),
        ({"kind": "pairwise", "texts": ["{a}"]}, "two templates"),
        ({"text": "{a}", "label": "y", "choices": ["b", "c"]}, "has {choice}"),
        ({"text": "{a}", "label": "y", "label_words": ["yes"]}, "expected 2, one for each class"),
        ({"text": "{a}", "label": "y", "splits": {"dev": "x"}}, "mapping of 'train' and 'test'"),
        ({"text": "{a}", "label": "y", "splits": {"test": 3}}, "mapping of 'train' and 'test'"),
        ({"text": ["{a}"], "label": "y"}, "expected a text"),
        ({"text": "{a}", "label": "y", "target": "{b}"}, "a 'target' belongs to kind text"),
        ({"kind": "text", "text": "{a}"}, "target = None; expected a text"),
        ({"kind": "text", "text": "{a}", "target": "yes"}, "names no column"),
        ({"kind": "text", "text": "{a}", "target": "{b}", "label": "y"}, "under 'target', and no 'label'"),
        ({"kind": "text", "texts": ["{a}", "{b}"], "target": "{b}"}, "a text task has one template"),
    ],
)  # fmt: skip
def test_a_wrong_key_is_told_with_what_was_expected(definition, message):
    with pytest.raises(ConfigError) as refused:
        described(**definition)
    assert "task 'mine'" in str(refused.value) and message in str(refused.value)


def test_a_text_task_has_a_template_for_its_answer():
    task = described(kind="text", context="{rule}\n", text="{a} + {b} =", target=" {sum}", group="a")
    row = {"rule": "Add.", "a": 2, "b": 3, "sum": "5"}
    (example,) = task.examples(row)
    assert (example.context, example.text, example.target) == (("Add.\n",), ("2 + 3 =",), " 5")
    assert (example.label, example.group, task.label_words, task.num_classes) == (0, "2", (), 1)
    assert task.columns == ("a", "b", "rule", "sum")
    with pytest.raises(DataError, match="column 'sum' is empty"):
        task.examples({**row, "sum": " "})


def test_rows_with_text_answers_are_split_linted_and_shown(tmp_path):
    rows = [{"a": a, "b": b, "sum": a + b} for a in range(16) for b in range(16)]
    (tmp_path / "sums.jsonl").write_text("\n".join(map(json.dumps, rows)))
    source = source_of_files(tmp_path / "sums.jsonl")
    definition = {"kind": "text", "text": "{a} + {b} =", "target": " {sum}"}
    spec = TaskSpec(name="described", version=1, source=source, half=60, validation=30, test=50,
                    definition=definition)  # fmt: skip
    subject = Subject(name="sums", spec=spec, places={source.digest: str(tmp_path / "sums.jsonl")})
    found = subject.prepared()
    assert len(found.examples.targets) == 200 and not lint_of(found).leaks()
    first = found.examples.take([0])
    head, *_, answer, _ = example_lines(first, found.task, WORDS)
    assert "class" not in head and answer.endswith(f"│ {first.targets[0]}")


@pytest.mark.parametrize("empty", [None, "", "  ", float("nan")])
def test_an_empty_column_is_refused_in_the_text_and_blank_in_the_context(empty):
    task = described(context="{passage}\n", text="Question: {question}", label="y")
    (example,) = task.examples({"passage": empty, "question": "why?", "y": 1})
    assert not example.context[0].strip()
    with pytest.raises(DataError, match="column 'question' is empty"):
        task.examples({"passage": "Rain.", "question": empty, "y": 1})
