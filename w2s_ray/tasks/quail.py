"""QuAIL: is this the right answer to a question about a text? (Rogers et al. 2020)

The official test set is not on the hub, so the validation split serves as such. The answer "not enough
information" is offered with every question and right in one of nine: reading the text still decides.
"""

from __future__ import annotations

from collections.abc import Iterator

from w2s_ray.core.specs import Source
from w2s_ray.tasks.base import Example, Hub, Row, register_task, text_in
from w2s_ray.tasks.forms import candidates, place_in, texts_in


@register_task(
    "quail",
    version=1,
    kind="binary",
    family="nlp",
    source=Source(kind="hub", name="textmachinelab/quail"),
    splits={"train": "train", "test": "validation"},
    columns=("context", "question", "answers", "correct_answer_id"),
    licence="CC BY-NC-SA 4.0",
    group="context",
    rows={"train": 10_246, "validation": 2_164, "challenge": 556},
    hub=Hub(parquet="default/{split}/*.parquet", branch="refs/convert/parquet"),
)
def quail(row: Row) -> Iterator[Example]:
    answers = texts_in(row, "answers")
    right = place_in(row, "correct_answer_id", len(answers))
    context = f"Passage: {text_in(row, 'context')}\n"
    yield from candidates(text_in(row, "question"), answers, right, context=context)
