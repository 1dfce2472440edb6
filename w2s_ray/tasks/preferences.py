"""What the reward-modelling tasks share: the paper's recipe, and pairs of dialogues that part at the last turn."""

from __future__ import annotations

from collections.abc import Iterator

from w2s_ray.core.errors import DataError
from w2s_ray.tasks.base import Example, Row, text_in
from w2s_ray.tasks.forms import pair

PAPER = {"batch": 220, "epochs": 1}  # Burns et al. 2023, A.3
HUMAN, ASSISTANT = "\n\nHuman:", "\n\nAssistant:"


def dialogue_pair(row: Row) -> Iterator[Example]:
    """The pair of `chosen` and `rejected`, two dialogues with a common beginning; none where one is silent."""
    for column in ("chosen", "rejected"):
        text_in(row, column)
    chosen, rejected = row["chosen"], row["rejected"]
    end = shared(chosen, rejected).rfind(ASSISTANT)
    if end < 0:
        raise DataError("columns 'chosen' and 'rejected' have no turn of the assistant in common")
    context = chosen[: end + len(ASSISTANT)]
    better, worse = (text[len(context) :].strip() for text in (chosen, rejected))
    if better and worse:
        yield pair(context, f" {better}", f" {worse}", group=opening_of(context))


def opening_of(dialogue: str) -> str:
    """The first human turn, which all turns of one conversation share."""
    return dialogue.split(ASSISTANT, 1)[0].removeprefix(HUMAN).strip() or dialogue


def shared(first: str, second: str) -> str:
    """The beginning that two texts have in common."""
    length = next((n for n, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), None)
    return first[:length] if length is not None else min(first, second, key=len)
