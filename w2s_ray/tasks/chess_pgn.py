"""Chess puzzles in the paper's own form (Burns et al. 2023, A.2): the game so far, then the best move.

The prompt is a transcript in which every half-move has its number, ` Qxc1+` the kind of answer that follows:

    1. d4 1... Nf6 2. Nf3 2... d5 … 22. Rc1 22...

The last move and what follows it are never cut off where a transcript is longer than a model's context. A later
puzzle of a game shows the solution of an earlier one, and no column names the game: transcripts with the same
first ten moves stay together. For the same reason transcripts are no corpus to pretrain on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from w2s_ray.core.errors import DataError
from w2s_ray.core.specs import Source
from w2s_ray.tasks.base import Example, Hub, Row, register_task, text_in
from w2s_ray.tasks.chess_moves import PAPER, PUBLISHED, PUBLISHED_IN, board_at, is_legal, play_san
from w2s_ray.tasks.forms import opening

if TYPE_CHECKING:
    from chess import Board

_NUMBER = re.compile(r"\d+\.(\.\.)?")
_OPENING = 40  # words: ten moves of each side with their numbers
_KEPT = 3  # words that are never cut off: `22. Rc1 22...`


def replayed(transcript: str) -> Board:
    """The position at the end of a transcript; DataError where a move of it is not legal."""
    board = board_at(column="ctx")
    for word in transcript.split():
        if not _NUMBER.fullmatch(word):
            play_san(board, word, column="ctx")
    return board


def legal(text: str, answer: str) -> bool:
    """Whether the answer is a legal move after the prompt's transcript."""
    return is_legal(replayed(text), answer)


@register_task(
    "chess_pgn",
    version=1,
    kind="text",
    family="chess",
    source=Source(
        kind="hub", name="EleutherAI/lichess-puzzles", revision="787a704697824359fceb7aca8be2ea23dce2f463"
    ),
    hub=Hub(one_in=12),  # leaves 123,000 rows of 1.5 million, enough for the paper's sizes
    splits={"train": "train", "test": "train"},
    columns=("ctx", "target"),
    label_words=(),
    scores={"legal": legal},
    group="the first ten moves of the game",
    rows={"train": 1_479_018},
    published=PUBLISHED,
    published_in=PUBLISHED_IN,
    half=50_000,
    test=5_000,
    recipe=PAPER,
)
def chess_pgn(row: Row) -> Iterator[Example]:
    transcript, best = text_in(row, "ctx"), text_in(row, "target")
    if not is_legal(replayed(transcript), best):
        raise DataError(f"column 'target': the move {best!r} is not legal after {transcript[-60:]!r}")
    words = transcript.split()
    context, last = " ".join(words[:-_KEPT]), " ".join(words[-_KEPT:])
    text = f" {last}" if context else last
    yield Example((context,), (text,), 0, opening(transcript, _OPENING), target=f" {best}")
