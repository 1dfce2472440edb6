"""DREAM: is this the right answer to a question about a dialogue? (Sun et al. 2019)

The repository holds a script, so the files of its Parquet branch are read. For non-commercial research.
"""

from __future__ import annotations

from collections.abc import Iterator

from w2s_ray.core.errors import DataError
from w2s_ray.core.specs import Source
from w2s_ray.tasks.base import Example, Hub, Row, register_task, text_in
from w2s_ray.tasks.forms import candidates, texts_in


@register_task(
    "dream",
    version=1,
    kind="binary",
    family="nlp",
    source=Source(
        kind="hub",
        name="dataset-org/dream",
        config="plain_text",
        revision="ca4c45feaf089ecfc37579eb2c594375f70dbfd5",
    ),
    columns=("dialogue", "question", "choice", "answer"),
    licence="unknown",
    group="dialogue",
    rows={"train": 6_116, "validation": 2_040, "test": 2_041},
    hub=Hub(parquet="plain_text/{split}/0000.parquet"),
)
def dream(row: Row) -> Iterator[Example]:
    choices, answer = texts_in(row, "choice"), text_in(row, "answer")
    right = [place for place, choice in enumerate(choices) if choice == answer]
    if not right:
        raise DataError(f"column 'answer' is {answer!r}, none of the choices {choices}")
    context = "\n".join(texts_in(row, "dialogue")) + "\n"
    yield from candidates(text_in(row, "question"), choices, right, context=context)
