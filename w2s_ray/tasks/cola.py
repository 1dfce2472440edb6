"""CoLA: is a sentence acceptable English? (Warstadt et al. 2019; GLUE)

The official test labels are hidden, so the validation split is the test set.
"""

from __future__ import annotations

from collections.abc import Iterator

from w2s_ray.core.specs import PromptSpec, Source
from w2s_ray.tasks.base import Example, Row, class_in, register_task, single, text_in


@register_task(
    "cola",
    version=1,
    kind="binary",
    family="nlp",
    source=Source(
        kind="hub", name="nyu-mll/glue", config="cola", revision="bcdcba79d07bc864c1c254ccfcedcce55bcc9a8c"
    ),
    splits={"train": "train", "test": "validation"},
    columns=("sentence", "label"),
    prompt=PromptSpec(words=(("no",), ("yes",)), form="{text}\nIs this sentence good English? Answer:"),
    licence="none stated",
    rows={"train": 8_551, "validation": 1_043},
    test=1_043,
)
def cola(row: Row) -> Iterator[Example]:
    yield single(text_in(row, "sentence"), class_in(row, "label", {"0": 0, "1": 1}))
