"""SST-2: is a phrase of a film review positive? (Socher et al. 2013; GLUE)

The training rows are phrases, the validation rows whole sentences; nothing says which phrases share a
sentence. The official test labels are hidden, so the validation split is the test set.
"""

from __future__ import annotations

from collections.abc import Iterator

from w2s_ray.core.specs import PromptSpec, Source
from w2s_ray.tasks.base import Example, Row, class_in, register_task, single, text_in


@register_task(
    "sst2",
    version=1,
    kind="binary",
    family="nlp",
    source=Source(kind="hub", name="stanfordnlp/sst2", revision="8d51e7e4887a4caaa95b3fbebbf53c0490b58bbb"),
    splits={"train": "train", "test": "validation"},
    columns=("sentence", "label"),
    prompt=PromptSpec(words=(("negative",), ("positive",)), form="{text}\nSentiment:"),
    licence="unknown",
    rows={"train": 67_349, "validation": 872},
    test=872,
)
def sst2(row: Row) -> Iterator[Example]:
    yield single(text_in(row, "sentence"), class_in(row, "label", {"0": 0, "1": 1}))
