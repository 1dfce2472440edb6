"""QuaRTz: is this the right answer, of two, given a sentence on a qualitative relation? (Tafjord et al. 2019)"""

from __future__ import annotations

from collections.abc import Iterator

from w2s_ray.core.specs import Source
from w2s_ray.tasks.base import Example, Row, register_task, text_in
from w2s_ray.tasks.forms import candidates, lettered


@register_task(
    "quartz",
    version=1,
    kind="binary",
    family="nlp",
    source=Source(kind="hub", name="allenai/quartz", revision="28c1dbb56caf81799296cb17892fa73402e23464"),
    columns=("question", "choices", "answerKey", "para", "para_id"),
    licence="CC BY 4.0",
    group="para_id",
    rows={"train": 2_696, "validation": 384, "test": 784},
    validation=500,
    test=1_500,
)
def quartz(row: Row) -> Iterator[Example]:
    context = f"Passage: {text_in(row, 'para')}\n"
    group = text_in(row, "para_id")
    yield from candidates(text_in(row, "question"), *lettered(row), context=context, group=group)
