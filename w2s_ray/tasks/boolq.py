"""BoolQ: does a passage answer a question with yes? (Clark et al. 2019)

62% of its answers are yes; the balancing rule drops the surplus. There is no labelled test split, so the
validation split is the test set.
"""

from __future__ import annotations

from collections.abc import Iterator

from w2s_ray.core.specs import PromptSpec, Source
from w2s_ray.tasks.base import Example, Row, class_in, register_task, single, text_in
from w2s_ray.tasks.forms import OPENAI

ANSWERS = {"false": 0, "False": 0, "0": 0, "true": 1, "True": 1, "1": 1}


@register_task(
    "boolq",
    version=1,
    kind="binary",
    family="nlp",
    source=Source(kind="hub", name="google/boolq", revision="35b264d03638db9f4ce671b711558bf7ff0f80d5"),
    splits={"train": "train", "test": "validation"},
    columns=("question", "answer", "passage"),
    prompt=PromptSpec(words=(("no",), ("yes",))),
    licence="CC BY-SA 3.0",
    group="passage",
    rows={"train": 9_427, "validation": 3_270},
    published={
        "gpt2": 0.661,
        "gpt2-medium": 0.703,
        "gpt2-large": 0.707,
        "gpt2-xl": 0.75,
        "qwen-1.8b": 0.781,
        "qwen-7b": 0.861,
        "qwen-14b": 0.896,
        "median pgr naive": 0.048,
        "median pgr confidence": -0.355,
    },
    published_in=OPENAI,
)
def boolq(row: Row) -> Iterator[Example]:
    passage = text_in(row, "passage")
    yield single(
        f"Question: {text_in(row, 'question')}?",
        class_in(row, "answer", ANSWERS),
        context=f"Passage: {passage}\n",
        group=passage,
    )
