"""CosmosQA: is this the right answer to a question about what a story leaves unsaid? (Huang et al. 2019)

"None of the above choices ." is among the answers of most questions and right in a few of them, so it alone
would tell a candidate's class. It is never a candidate here; where it is right, no other answer is, and the
split drops the question.
"""

from __future__ import annotations

from collections.abc import Iterator

from w2s_ray.core.specs import Source
from w2s_ray.tasks.base import Example, Row, register_task, text_in
from w2s_ray.tasks.forms import OPENAI, candidate, place_in

ANSWERS = ("answer0", "answer1", "answer2", "answer3")
NONE = "none of the above"


@register_task(
    "cosmos_qa",
    version=1,
    kind="binary",
    family="nlp",
    source=Source(kind="hub", name="Samsoup/cosmos_qa"),
    splits={"train": "train", "test": "validation"},
    columns=("context", "question", *ANSWERS, "label"),
    licence="CC BY 4.0",
    group="context",
    rows={"train": 25_262, "validation": 2_985},
    published={
        "gpt2": 0.685,
        "gpt2-medium": 0.708,
        "gpt2-large": 0.736,
        "gpt2-xl": 0.755,
        "qwen-1.8b": 0.787,
        "qwen-7b": 0.871,
        "qwen-14b": 0.885,
        "median pgr naive": 0.352,
        "median pgr confidence": 0.369,
    },
    published_in=OPENAI,
)
def cosmos_qa(row: Row) -> Iterator[Example]:
    right = place_in(row, "label", len(ANSWERS))
    context = f"Passage: {text_in(row, 'context')}\n"
    question = text_in(row, "question")
    for place, column in enumerate(ANSWERS):
        answer = text_in(row, column)
        if not answer.casefold().startswith(NONE):
            yield candidate(question, answer, place == right, context=context)
