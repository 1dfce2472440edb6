"""Texts to pretrain on: which rows they are of, what they are made of, and what is told of a mistake early."""

import json

import pytest

from w2s_ray.core.errors import ConfigError, DataError
from w2s_ray.tasks.corpus import read_texts, texts_spec

PUZZLE = {"PuzzleId": "a", "FEN": "6k1/5ppp/8/8/8/7q/8/R5K1 b - - 4 30", "Moves": "h3d3 a1a8"}


def write(file, rows):
    file.parent.mkdir(exist_ok=True)
    file.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    return str(file.parent)


def tales(split, num):
    return [{"title": f"{split} {n}", "text": f"tale {n}"} for n in range(num)]


@pytest.fixture
def folder(tmp_path):
    write(tmp_path / "rows" / "test.jsonl", tales("test", 5))
    return write(tmp_path / "rows" / "train.jsonl", tales("train", 250))


def read(path, **how):
    spec = texts_spec(path, **how)
    return read_texts(spec, {spec.source.digest: path})


def test_training_rows_are_filled_into_the_template_and_the_last_hundredth_is_held_out(folder):
    found = read(folder, text="{title}: {text}")
    assert found.train[0] == "train 0: tale 0" and (len(found.train), len(found.held_out)) == (248, 2)
    assert not any("test" in text for text in (*found.train, *found.held_out))


def test_a_validation_split_is_what_is_held_out(folder, tmp_path):
    write(tmp_path / "rows" / "validation.jsonl", tales("validation", 3))
    found = read(folder, text="{title}")
    assert len(found.train) == 250 and found.held_out == ["validation 0", "validation 1", "validation 2"]


def test_all_rows_of_a_single_file_are_read_and_blank_texts_left_out(tmp_path):
    file = tmp_path / "mine.jsonl"
    write(file, [{"text": "one"}, {"text": " "}, {"text": None}, {"text": "two"}, {"text": "three"}])
    found = read(str(file), text="{text}")
    assert (found.train, found.held_out) == (["one", "two"], ["three"])


def test_a_task_makes_its_own_texts_which_hold_no_answer(tmp_path):
    path = write(tmp_path / "rows" / "train.jsonl", [PUZZLE, {**PUZZLE, "Moves": "h3h2 g1h2"}])
    found = read(path, task="chess_puzzles")
    assert found.train == ["6k1/5ppp/8/8/8/7q/8/R5K1 b - - 4 30 30... Qd3"]
    assert found.held_out == ["6k1/5ppp/8/8/8/7q/8/R5K1 b - - 4 30 30... Qh2+"]


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"text": "{body}"}, r"train.jsonl, row 1: no column 'body'; there are title, text"),
        ({"text": "once upon a time"}, "template 'once upon a time' names no column"),
        ({"text": "{text.upper}"}, r"template '\{text.upper\}' has \{text.upper\}"),
        ({"text": "{"}, "template '{'"),
        ({"task": "chess_puzzles"}, "no column 'PuzzleId'"),
        ({"task": "chess"}, "unknown task 'chess'"),
        ({"task": "boolq"}, "task 'boolq' makes no texts to pretrain on; give a template, `text`"),
        ({}, "either `text`, a template such as '{text}', or `task`"),
        ({"text": "{text}", "task": "chess_puzzles"}, "either `text`"),
    ],
)
def test_a_corpus_that_cannot_be_made_is_told_from_its_first_row(folder, how, message):
    with pytest.raises(ConfigError, match=message):
        texts_spec(folder, **how)


def test_files_without_training_rows_and_no_files_are_told(tmp_path):
    with pytest.raises(ConfigError, match="no file or folder"):
        texts_spec(str(tmp_path / "none"), text="{text}")
    path = write(tmp_path / "rows" / "test.jsonl", tales("test", 2))
    with pytest.raises(ConfigError, match="no file for the split 'train'; there are test"):
        texts_spec(path, text="{text}")
    write(tmp_path / "rows" / "train.jsonl", tales("train", 1))
    with pytest.raises(DataError, match=r"train.jsonl: a corpus needs two texts at least"):
        read(path, text="{text}")


def test_a_later_row_without_the_column_is_told_by_its_place(folder, tmp_path):
    write(tmp_path / "rows" / "train.jsonl", [*tales("train", 2), {"title": "last"}])
    with pytest.raises(DataError, match=r"train.jsonl, row 3: no column 'text'"):
        read(folder, text="{text}")


def test_the_content_of_the_files_names_them_and_their_place_does_not(folder, tmp_path):
    other = write(tmp_path / "elsewhere" / "train.jsonl", tales("train", 250))
    write(tmp_path / "elsewhere" / "test.jsonl", tales("test", 5))
    assert texts_spec(folder, text="{text}") == texts_spec(other, text="{text}")
    assert texts_spec(folder, text="{text}") != texts_spec(folder, text="{title}")
    write(tmp_path / "elsewhere" / "train.jsonl", tales("train", 251))
    assert texts_spec(folder, text="{text}") != texts_spec(other, text="{text}")
