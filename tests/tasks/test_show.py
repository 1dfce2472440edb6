"""`w2s show` and `w2s lint`: what a user reads of a task before training on it."""

import json
import random
from pathlib import Path

import pytest
from typer.testing import CliRunner

from w2s_ray.cli.commands import app
from w2s_ray.cli.prepare import registered
from w2s_ray.cli.show import tokens_of
from w2s_ray.core.errors import ConfigError
from w2s_ray.models.tiny import build_tokenizer
from w2s_ray.tasks import TASKS
from w2s_ray.tasks.show import WORDS, declaration, example_lines, histogram, spread
from w2s_ray.tasks.world import VOCABULARY


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def coin(seed):
    return random.Random(seed).randrange(2)


@pytest.fixture
def rows(tmp_path):
    """A folder of SST-2 rows: 160 for training and 40 for the test set."""
    folder = tmp_path / "rows"
    folder.mkdir()
    for split, num in (("train", 160), ("validation", 40)):
        lines = [
            json.dumps({"sentence": f"{split} film {n} is like any other", "label": coin(f"{split}{n}")})
            for n in range(num)
        ]
        (folder / f"{split}.jsonl").write_text("\n".join(lines))
    return folder


def test_a_declaration_tells_what_is_known_of_a_task_and_nothing_that_is_not():
    lines = "\n".join(declaration(TASKS["boolq"]))
    assert lines.startswith("boolq (version 1): binary, nlp, licence CC BY-SA 3.0")
    for told in (
        "google/boolq @ 35b264d",
        "validation is test",
        "9,427 train",
        "gpt2 0.661",
        "openai/weak-to-strong",
    ):
        assert told in lines
    assert "  recipe    batch 220, epochs 1" in declaration(TASKS["hh_harmless"])
    assert not any(
        line.split()[0] in ("published", "recipe", "hub") for line in declaration(TASKS["wic"])[1:]
    )


def test_every_declaration_can_be_shown():
    assert all(len(declaration(TASKS[name])) > 3 for name in TASKS)


def test_examples_come_from_all_over_the_splits_with_their_class_and_group():
    found = registered("review").prepared()
    some = spread(found.examples, 5)
    assert len(some) == 5 and some.splits[0] == "weak" and some.splits[-1] == "test"
    lines = list(example_lines(some, found.task, WORDS))
    assert sum("  group " in line and "class " in line for line in lines) == 5
    assert len(spread(found.examples, 10**6)) == len(found.examples)


def test_a_pair_says_which_of_its_texts_is_better():
    found = registered("pref").prepared()
    lines = list(example_lines(spread(found.examples, 1), found.task, WORDS))
    better = "1" if spread(found.examples, 1).labels[0] else "2"
    assert f"text {better} is better" in lines[0]
    assert [line.split("│")[0].strip() for line in lines if "│" in line][0::2] == ["text 1", "text 2"]


def test_a_histogram_counts_every_input_once():
    lengths = [3, 3, 4, 17, 60, 61]
    head, *bars = histogram(lengths, "tokens")
    assert head == "tokens in 6 inputs: median 4, 95% within 60, longest 61"
    assert sum(int(line.split()[-1]) for line in bars) == 6 and len(bars) <= 12
    assert histogram([], "words") == ["no words"] and len(histogram([5, 5], "words")) == 2


def test_tasks_of_the_world_are_counted_in_the_ladders_tokens_and_others_in_words():
    text = "<bos> review the food was good"
    assert tokens_of(TASKS["review"], None).pieces(text) == text.split()
    assert tokens_of(TASKS["sst2"], None) is WORDS


def test_a_tokenizer_is_any_local_folder(tmp_path, rows):
    build_tokenizer(VOCABULARY).save_pretrained(tmp_path / "model")
    shown = run("show", "sst2", "--rows", 2, "--path", rows, "--tokenizer", tmp_path / "model")
    assert shown.exit_code == 0 and "7 tokens" in shown.stdout and "<unk>" in shown.stdout
    for folder, message in ((tmp_path / "none", "no folder"), (rows, "holds no tokenizer")):
        with pytest.raises(ConfigError, match=message):
            tokens_of(TASKS["sst2"], folder)


def test_rows_are_shown_after_the_declaration(rows):
    shown = run("show", "sst2", "--rows", 3, "--path", rows)
    assert shown.stdout.startswith("sst2 (version") and shown.stdout.count("  group ") == 3
    assert "inputs: median 7" in shown.stdout
    assert run("show", "confidence").stdout.startswith("confidence (version")
    assert run("show", "confidence", "--rows", 3).exit_code == 2


def test_the_lint_of_a_task_is_a_table_with_verdicts_or_json(rows):
    shown = run("lint", "sst2", "--path", rows)
    assert shown.exit_code == 0
    for told in ("bag_of_words", "test in training", "characters", "class"):
        assert told in shown.stdout
    found = json.loads(run("lint", "sst2", "--path", rows, "--json").stdout)
    assert found["task"] == "sst2" and found["worst"] in ("clean", "note")


def test_the_lint_of_images_counts_classes_and_compares_names():
    shown = run("lint", "digits")
    (row,) = [line.split() for line in shown.stdout.splitlines() if line.startswith(" test in training")]
    assert shown.exit_code == 0 and row[:5] == ["test", "in", "training", "0", "0"] and len(row) == 6
    assert "majority" in shown.stdout and "bag_of_words" not in shown.stdout


def test_a_leak_ends_the_command_with_1(rows):
    for file in Path(rows).iterdir():
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        told = [{**row, "sentence": f"{row['sentence']} {row['label']}"} for row in lines]
        file.write_text("\n".join(map(json.dumps, told)))
    shown = run("lint", "sst2", "--path", rows)
    assert shown.exit_code == 1 and "leak  bag_of_words: a linear model" in shown.stdout
    assert run("lint", "sst3").exit_code == 2
