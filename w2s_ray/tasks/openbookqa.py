"""OpenBookQA: is this the right answer to an elementary science question? (Mihaylov et al. 2018)"""

from __future__ import annotations

from collections.abc import Iterator

from w2s_ray.core.specs import Source
from w2s_ray.tasks.base import Example, Row, register_task, text_in
from w2s_ray.tasks.forms import candidates, lettered


@register_task(
    "openbookqa",
    version=1,
    kind="binary",
    family="nlp",
    source=Source(
        kind="hub",
        name="allenai/openbookqa",
        config="main",
        revision="388097ea7776314e93a529163e0fea805b8a6454",
    ),
    columns=("question_stem", "choices", "answerKey"),
    licence="unknown",
    group="question_stem",
    rows={"train": 4_957, "validation": 500, "test": 500},
    test=1_000,
)
def openbookqa(row: Row) -> Iterator[Example]:
    yield from candidates(text_in(row, "question_stem"), *lettered(row))
