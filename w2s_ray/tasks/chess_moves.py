"""Moves that the chess tasks share: positions and legality, by the package `chess` (the extra `chess`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from w2s_ray.core.errors import DataError, EnvironmentFault

if TYPE_CHECKING:
    from chess import Board

PAPER = {"epochs": 5, "batch": 32}  # with halves of 50,000 and a test set of 5,000 (Burns et al. 2023, A.2)
# Accuracies of ceilings, and what the largest student recovers by its supervisor's compute (read off figure 3).
PUBLISHED = {
    "ceiling at 1e-7.05": 0.171,
    "ceiling at 1": 0.845,
    "naive PGR from 1e-7.05": 0.025,
    "naive PGR from 1e-5.25": 0.118,
    "naive PGR from 1e-3.14": 0.272,
    "naive PGR from 1e-2.4": 0.322,
}
PUBLISHED_IN = "Burns et al. 2023, figure 3: transcripts as prompts, models by their share of GPT-4's compute"


def board_at(fen: str = "", *, column: str) -> Board:
    """The position of a FEN, by default that of a new game; DataError where it is none that can be played."""
    try:
        from chess import STARTING_FEN, Board
    except ImportError:
        raise EnvironmentFault(
            "the chess tasks need the package `chess`: pip install 'w2s-ray[chess]'"
        ) from None
    try:
        board = Board(fen or STARTING_FEN)
    except ValueError as error:
        raise DataError(f"column {column!r} is {fen!r}, no position: {error}") from None
    if not board.is_valid():
        raise DataError(f"column {column!r} is {fen!r}, a position that no game leads to")
    return board


def play(board: Board, uci: str, *, column: str) -> str:
    """Play a move given in UCI, such as `e7e8q`; its SAN. DataError where it is not legal."""
    try:
        move = board.parse_uci(uci)
    except ValueError:
        move = None
    if not move:
        raise DataError(f"column {column!r}: the move {uci!r} is not legal in {board.fen()}")
    return board.san_and_push(move)


def play_san(board: Board, san: str, *, column: str) -> None:
    """Play a move given in SAN, such as `Qxc1+`; DataError where it is not legal."""
    if not is_legal(board, san):
        raise DataError(f"column {column!r}: the move {san!r} is not legal in {board.fen()}")
    board.push_san(san)


def is_legal(board: Board, san: str) -> bool:
    """Whether a text is a legal move in SAN. Marks of check and mate may be missing; a null move is none."""
    try:
        return bool(board.parse_san(san.strip()))
    except ValueError:
        return False


def number(board: Board) -> str:
    """The move number as it stands before the next move: `22.` for White, `22...` for Black."""
    return f"{board.fullmove_number}{'.' if board.turn else '...'}"
