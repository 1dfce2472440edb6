"""Chess as a task whose answer is a text: positions and transcripts as prompts, moves in SAN as answers."""

import gzip
import json
import sys
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.tasks.hub_rows import rows_of
from w2s_ray.cli.commands import app
from w2s_ray.cli.tasks import summary
from w2s_ray.core.errors import DataError, EnvironmentFault
from w2s_ray.core.specs import TaskSpec
from w2s_ray.tasks import TASKS, task_of
from w2s_ray.tasks.base import Hub
from w2s_ray.tasks.files import source_of_files
from w2s_ray.tasks.load import Table, examples_in, tables

ROWS = Path(__file__).parents[2] / ".." / "shared" / "data" / "chess_puzzles"
PUZZLES, PGN = TASKS["chess_puzzles"], TASKS["chess_pgn"]
BACK_RANK = {"PuzzleId": "a1", "FEN": "6k1/5ppp/8/8/8/7q/8/R5K1 b - - 4 30", "Moves": "h3d3 a1a8",
             "GameUrl": "https://lichess.org/yLY0QwOO/black#60"}  # fmt: skip


def puzzle(fen, moves, **more):
    return {"PuzzleId": "x", "FEN": fen, "Moves": moves, **more}


def only(task, row):
    (example,) = task.examples(row)
    return example


def test_the_prompt_is_the_position_after_the_opponents_move_and_the_answer_the_best_move():
    example = only(PUZZLES, BACK_RANK)
    assert example.text == ("6k1/5ppp/8/8/8/3q4/8/R5K1 w - - 5 31 31.",)
    assert (example.target, example.label, example.group) == (" Ra8+", 0, "yLY0QwOO")


@pytest.mark.parametrize(
    ("fen", "moves", "target"),
    [
        ("4k3/8/8/8/8/8/q7/4K2R b K - 0 1", "a2a3 e1g1", " O-O"),
        ("r3k3/8/8/8/8/7p/8/6K1 w q - 0 1", "g1h2 e8c8", " O-O-O"),
        ("8/P6k/8/8/8/8/8/K7 b - - 0 1", "h7h6 a7a8n", " a8=N"),
        ("8/P6k/8/8/8/8/8/K7 b - - 0 1", "h7h8 a7a8q", " a8=Q+"),
        ("6k1/5ppp/8/p7/8/8/8/1R4K1 b - - 0 30", "a5a4 b1b8", " Rb8#"),
        ("4k3/8/8/8/4p3/8/3P4/4K3 w - - 0 1", "d2d4 e4d3", " exd3"),
        ("k7/8/8/8/8/1N3N2/8/K7 b - - 0 1", "a8b8 f3d4", " Nfd4"),
    ],
)
def test_castling_promotion_captures_in_passing_and_mate_are_written_in_san(fen, moves, target):
    example = only(PUZZLES, puzzle(fen, moves))
    assert example.target == target
    assert example.text[0].endswith("..." if " b " in example.text[0] else ".")
    assert PUZZLES.scores["legal"](example.text[0], target)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"Moves": "h3a8 a1a8"}, "column 'Moves': the move 'h3a8' is not legal in 6k1"),
        ({"Moves": "h3d3 a1b8"}, "column 'Moves': the move 'a1b8' is not legal in 6k1"),
        ({"Moves": "0000 a1a8"}, "the move '0000' is not legal"),
        ({"Moves": "h3d3 Ra8+"}, "the move 'Ra8\\+' is not legal"),
        ({"Moves": "h3d3"}, "column 'Moves' is 'h3d3'; expected the opponent's move and the solution"),
        ({"Moves": None}, "column 'Moves' is None"),
        ({"FEN": "6k1/5ppp b"}, "column 'FEN' is '6k1/5ppp b', no position"),
        ({"FEN": "8/8/8/8/8/8/8/R5K1 b - - 0 1"}, "a position that no game leads to"),
        ({"PuzzleId": " ", "GameUrl": None}, "column 'PuzzleId' is empty"),
    ],
)
def test_a_move_that_is_not_legal_is_told_by_row_and_column(row, message):
    rows = [BACK_RANK, {**BACK_RANK, **row}]
    with pytest.raises(DataError, match=f"^puzzles, row 2: .*{message}"):
        list(examples_in(PUZZLES, Table("puzzles", rows)))


@pytest.mark.parametrize(
    "columns",
    [
        {"GameUrl": "https://lichess.org/yLY0QwOO/black#106", "Themes": "mate short", "OpeningTags": ""},
        {"GameUrl": "https://lichess.org/yLY0QwOO#21"},
        {"GameUrl": "https://lichess.org/yLY0QwOO/white"},
        {"GameId": "yLY0QwOO", "Themes": ["mate", "short"], "OpeningTags": None},
        {"GameId": None, "GameUrl": "", "PuzzleId": "yLY0QwOO"},
    ],
)
def test_a_games_puzzles_are_one_group_in_any_version_of_the_columns(columns):
    row = puzzle(BACK_RANK["FEN"], BACK_RANK["Moves"], **columns)
    assert only(PUZZLES, row).group == "yLY0QwOO"


@pytest.mark.parametrize(
    ("answer", "legal"),
    [(" Ra8+", True), ("Ra8", True), (" Kg2", True), (" Kf1", False), (" Ra9", False), (" Qa8", False),
     ("", False), (" --", False), (" e4", False), (" Ra8 wins", False), (" \ud800", False)],
)  # fmt: skip
def test_an_answer_is_legal_if_it_is_a_move_in_the_position_of_the_prompt(answer, legal):
    assert PUZZLES.scores["legal"](only(PUZZLES, BACK_RANK).text[0], answer) is legal


def test_the_corpus_is_the_opponents_move_in_the_form_of_the_prompt_and_tells_no_solution():
    texts = list(PUZZLES.corpus(BACK_RANK))
    assert texts == ["6k1/5ppp/8/8/8/7q/8/R5K1 b - - 4 30 30... Qd3"]


def test_a_transcript_is_replayed_and_its_last_move_is_never_cut_off():
    row = {"id": 7, "ctx": "1. d4 1... Nf6 2. Nf3 2...", "target": " d5"}
    example = only(PGN, row)
    assert (example.context, example.text) == (("1. d4 1... Nf6",), (" 2. Nf3 2...",))
    assert example.target == " d5"
    text = example.context[0] + example.text[0]
    legal = PGN.scores["legal"]
    assert legal(text, " d5") and legal(text, " Ne4") and not legal(text, " Nf6") and not legal(text, " d4")


def test_puzzles_of_one_game_are_one_group_where_no_column_names_the_game():
    row = rows_of("chess_pgn", "train", 1)[0]
    later = {**row, "ctx": f"{row['ctx']} Kf7 10. Nb1 10... Ke8 11. Nd2 11...", "target": " Kd7"}
    latest = {**row, "ctx": f"{later['ctx']} Kd7 12. Nb1 12...", "target": " Ke8"}
    assert only(PGN, later).group == only(PGN, latest).group
    assert only(PGN, later).group != only(PGN, {**rows_of("chess_pgn", "train", 2)[1]}).group
    assert PGN.corpus is None


def test_the_answer_to_the_first_move_is_a_prompt_too():
    example = only(PGN, {"id": "a", "ctx": "1. e4 1...", "target": "e5"})
    assert (example.context, example.text, example.target) == (("",), ("1. e4 1...",), " e5")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"ctx": "1. d4 1... Nf6 2. Nf6 2..."}, "column 'ctx': the move 'Nf6' is not legal"),
        ({"ctx": "1. d4 1. . Nf6"}, "column 'ctx': the move '.' is not legal"),
        ({"target": " Nd5"}, "column 'target': the move 'Nd5' is not legal after '1. d4 1...'"),
        ({"target": None}, "column 'target' is None"),
    ],
)
def test_a_transcript_that_is_no_game_is_refused(row, message):
    with pytest.raises(DataError, match=message):
        PGN.examples({"id": "a", "ctx": "1. d4 1...", "target": " d5", **row})


def test_a_machine_without_the_package_is_told_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "chess", None)
    with pytest.raises(EnvironmentFault, match=r"pip install 'w2s-ray\[chess\]'"):
        PUZZLES.examples(BACK_RANK)


def test_the_papers_sizes_and_recipe_come_with_the_tasks():
    for task in (PUZZLES, PGN):
        assert (task.half, task.test, dict(task.recipe)) == (50_000, 5_000, {"epochs": 5, "batch": 32})


def test_a_single_split_of_the_hub_is_read_once_and_cut(monkeypatch):
    import datasets

    asked = []
    monkeypatch.setattr(
        datasets, "load_dataset", lambda *args, **options: asked.append(options) or [BACK_RANK]
    )
    spec = TaskSpec(name="chess_puzzles", version=1, source=PUZZLES.source, half=2, validation=2, test=2)
    assert set(tables(replace(PUZZLES, hub=Hub()), spec, {})) == {"all"}
    assert [options["split"] for options in asked] == ["train"]


def test_a_folder_is_read_by_its_own_splits_even_if_the_hub_has_only_one(tmp_path):
    for split in ("train", "test"):
        (tmp_path / f"{split}.jsonl").write_text(json.dumps(BACK_RANK))
        found, spec = source_of_files(tmp_path), {"name": "chess_puzzles", "version": 1, "half": 1}
        spec = TaskSpec(**spec, source=found, validation=1, test=1)
        roles = tables(task_of(spec), spec, {found.digest: str(tmp_path)})
        assert set(roles) == ({"all"} if split == "train" else {"train", "test"})


@pytest.mark.skipif(not ROWS.is_dir(), reason="no real rows here")
def test_real_puzzles_have_legal_answers_and_do_not_tell_them_in_the_corpus():
    source = source_of_files(ROWS)
    spec = TaskSpec(name="chess_puzzles", version=1, source=source, half=1, validation=1, test=1)
    for table in tables(task_of(spec), spec, {source.digest: str(ROWS)}).values():
        for row in islice(table.rows, 300):
            example, (text,) = only(PUZZLES, row), PUZZLES.corpus(row)
            assert PUZZLES.scores["legal"](example.text[0], example.target)
            assert not text.startswith(example.text[0])


@pytest.mark.skipif(not ROWS.is_dir(), reason="no real rows here")
def test_a_look_at_a_task_of_texts_tells_its_most_frequent_answer(tmp_path):
    for split, num in (("train", 400), ("test", 60)):
        with gzip.open(ROWS / f"{split}.jsonl.gz", "rt") as lines:
            folder = tmp_path / "chess_puzzles"
            folder.mkdir(exist_ok=True)
            (folder / f"{split}.jsonl").write_text("".join(islice(lines, num)))
    shown = CliRunner().invoke(app, ["show", "chess_puzzles", "--rows", "1", "--path", str(folder)])
    assert "different ones, the most frequent is ' " in shown.stdout and "answer │  " in shown.stdout
    (row,) = summary(["chess_puzzles"], tmp_path)
    assert (row.kind, row.train, row.test, row.lint) == ("text", 400, 60, "clean")
    assert 1 / 400 <= row.positive < 0.05 and 1 / 60 <= row.positive_test < 0.2
