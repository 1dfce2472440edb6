"""Social IQa: is this the right answer to a question about people in a situation? (Sap et al. 2019)

The original repository holds a script, so a copy of equal content is read. There is no labelled test split:
the validation split is the test set.
"""

from __future__ import annotations

from collections.abc import Iterator

from w2s_ray.core.specs import Source
from w2s_ray.tasks.base import Example, Row, register_task, text_in
from w2s_ray.tasks.forms import candidates, place_in

ANSWERS = ("answerA", "answerB", "answerC")


@register_task(
    "social_i_qa",
    version=1,
    kind="binary",
    family="nlp",
    source=Source(kind="hub", name="lighteval/siqa", revision="54c6a1f8cb6daf4f5abf24a601852612fb35eb25"),
    splits={"train": "train", "test": "validation"},
    columns=("context", "question", *ANSWERS, "label"),
    licence="none stated",
    group="context",
    rows={"train": 33_410, "validation": 1_954},
)
def social_i_qa(row: Row) -> Iterator[Example]:
    context = f"Passage: {text_in(row, 'context')}\n"
    answers = [text_in(row, column) for column in ANSWERS]
    right = place_in(row, "label", len(ANSWERS), first=1)
    yield from candidates(text_in(row, "question"), answers, right, context=context)
