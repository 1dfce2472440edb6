"""Chess puzzles of Lichess: which move is best? A FEN prompt, which is the form that open data supports.

A row's FEN is one ply before the puzzle: the first of its moves is the opponent's, the second the solution. The
prompt is the position after the opponent's move, in FEN, and the number of the move to find; the answer is the
move in SAN with a leading space, as in Burns et al. (2023, A.2), whose prompt is the transcript of the game
(`chess_pgn`):

    r2r2k1/pp1q2pp/2b1pb2/2p3P1/2P2P2/2NPQN2/PP5P/3R1RK1 b - - 0 18 18...  →  " Bd4"

The corpus of a row is the opponent's own move in the position before it, in the same form: real play that tells
nothing of a solution. Puzzles of one game stay together.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from w2s_ray.core.errors import DataError
from w2s_ray.core.specs import Source
from w2s_ray.tasks.base import Example, Hub, Row, register_task, text_in
from w2s_ray.tasks.chess_moves import PAPER, PUBLISHED, PUBLISHED_IN, board_at, is_legal, number, play

if TYPE_CHECKING:
    from chess import Board

FEN_FIELDS = 6


def prompt(board: Board) -> str:
    """The position in FEN and the number of the move to find."""
    return f"{board.fen()} {number(board)}"


def legal(text: str, answer: str) -> bool:
    """Whether the answer is a legal move in the position of the prompt."""
    return is_legal(board_at(" ".join(text.split()[:FEN_FIELDS]), column="text"), answer)


def opponents_move(row: Row) -> Iterator[str]:
    """The position before the puzzle, and the move that the opponent played there."""
    board, moves = _position(row)
    text = prompt(board)
    yield f"{text} {play(board, moves[0], column='Moves')}"


@register_task(
    "chess_puzzles",
    version=1,
    kind="text",
    family="chess",
    source=Source(
        kind="hub", name="Lichess/chess-puzzles", revision="950f927767db79497dab436d873d7c743aca923d"
    ),
    hub=Hub(one_in=30),  # leaves 135,000 rows of 4 million, enough for the paper's sizes
    splits={"train": "train", "test": "train"},
    columns=("PuzzleId", "FEN", "Moves"),
    label_words=(),
    scores={"legal": legal},
    corpus=opponents_move,
    licence="CC0 1.0",
    group="the game: GameUrl without the ply, or GameId, else PuzzleId",
    rows={"train": 4_062_423},
    published=PUBLISHED,
    published_in=PUBLISHED_IN,
    half=50_000,
    test=5_000,
    recipe=PAPER,
)
def chess_puzzles(row: Row) -> Iterator[Example]:
    board, (theirs, best, *_) = _position(row)
    play(board, theirs, column="Moves")
    text = prompt(board)
    yield Example(("",), (text,), 0, _game(row), target=f" {play(board, best, column='Moves')}")


def _position(row: Row) -> tuple[Board, list[str]]:
    """The position before the opponent's move, and the moves from there in UCI, two at least."""
    moves = text_in(row, "Moves").split()
    if len(moves) < 2:
        raise DataError(f"column 'Moves' is {row['Moves']!r}; expected the opponent's move and the solution")
    return board_at(text_in(row, "FEN"), column="FEN"), moves


def _game(row: Row) -> str:
    """The game's id, whichever column the version of the data has for it."""
    given = row.get("GameId") or row.get("GameUrl") or text_in(row, "PuzzleId")
    return re.sub(r"(/black|/white)?(#.*)?$", "", str(given)).rsplit("/", 1)[-1]
