"""MultiRC: is this a right answer to a question about a paragraph? (Khashabi et al. 2018; SuperGLUE)

Questions have several right answers; as many wrong ones are kept. The official test labels are hidden (-1), so
the validation split is the test set.
"""

from __future__ import annotations

from collections.abc import Iterator

from w2s_ray.core.specs import Source
from w2s_ray.tasks.base import Example, Row, class_in, register_task, text_in
from w2s_ray.tasks.forms import candidate


@register_task(
    "multirc",
    version=1,
    kind="binary",
    family="nlp",
    source=Source(
        kind="hub",
        name="aps/super_glue",
        config="multirc",
        revision="3de24cf8022e94f4ee4b9d55a6f539891524d646",
    ),
    splits={"train": "train", "test": "validation"},
    columns=("paragraph", "question", "answer", "label"),
    licence="other",
    group="paragraph",
    rows={"train": 27_243, "validation": 4_848},
)
def multirc(row: Row) -> Iterator[Example]:
    context = f"Passage: {text_in(row, 'paragraph')}\n"
    right = class_in(row, "label", {"0": 0, "1": 1}) == 1
    yield candidate(text_in(row, "question"), text_in(row, "answer"), right, context=context)
