"""The forms that formatters share: candidate answers, pairs of texts, choices with letters.

All candidates of a question have one form, so that nothing but the answer itself tells right from wrong; the
place of a text in a pair is drawn by its content.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from w2s_ray.core.errors import DataError
from w2s_ray.tasks.base import Example, Row, class_in, single, text_in
from w2s_ray.tasks.examples import example_id

QUESTION = "Q: {question} A: {answer}"
OPENAI = "openai/weak-to-strong, ground truth, 20k rows, 2 epochs"  # where `published` numbers are from


def candidate(
    question: str, answer: str, right: bool, *, context: str = "", group: str = "", form: str = QUESTION
) -> Example:
    """One answer to a question, class 1 if right. The question is kept together with all its candidates."""
    text = form.format(question=question, answer=answer)
    return single(
        text, int(right), context=context, group=group or context or question, question=context + question
    )


def candidates(
    question: str,
    answers: Sequence[str],
    right: int | Collection[int],
    *,
    context: str = "",
    group: str = "",
    form: str = QUESTION,
) -> Iterator[Example]:
    """Every answer as a candidate; `right` has the places of those that are right."""
    places = {right} if isinstance(right, int) else right
    for place, answer in enumerate(answers):
        yield candidate(question, answer, place in places, context=context, group=group, form=form)


def pair(context: str, better: str, worse: str, *, group: str = "") -> Example:
    """Two texts to compare after one context; a hash of all three draws which comes first."""
    label = int(example_id([context, better, worse]), 16) % 2
    first, second = (better, worse) if label else (worse, better)
    return Example((context, context), (first, second), label, group or context or first + second)


def shuffled(*texts: str) -> tuple[str, ...]:
    """The texts in an order that is drawn by their content, whatever the order given."""
    known = sorted(texts)
    return tuple(sorted(known, key=lambda text: example_id([*known, text])))


def place_in(row: Row, column: str, num: int, *, first: int = 0) -> int:
    """The place, from 0, of the right one of `num` choices that the data count from `first`."""
    return class_in(row, column, {str(first + place): place for place in range(num)})


def texts_in(row: Row, column: str) -> list[str]:
    """The stripped texts of a list column; DataError where it is no list or one of them is empty."""
    return texts_of(row[column], column)


def texts_of(values: object, column: str) -> list[str]:
    """As `texts_in`, for a value at hand; `column` is its name in messages."""
    if not isinstance(values, list | tuple) or not values:
        raise DataError(f"column {column!r} is {values!r}, not a list of texts")
    return [
        text_in({f"{column}[{place}]": value}, f"{column}[{place}]") for place, value in enumerate(values)
    ]


def lettered(row: Row) -> tuple[list[str], int]:
    """The texts of `choices` {text, label}, and the place of the one whose letter is `answerKey`."""
    choices = row["choices"]
    if not isinstance(choices, Mapping) or set(choices) < {"text", "label"}:
        raise DataError(f"column 'choices' is {choices!r}; expected lists under 'text' and 'label'")
    texts, letters = (texts_of(choices[key], f"choices.{key}") for key in ("text", "label"))
    if len(texts) != len(letters):
        raise DataError(f"column 'choices' has {len(texts)} texts and {len(letters)} labels")
    return texts, class_in(row, "answerKey", {letter: place for place, letter in enumerate(letters)})


def opening(text: str, num_words: int) -> str:
    """The first words of a text, without regard to case: what rewritten versions of one sentence share."""
    return " ".join(text.casefold().split()[:num_words])
