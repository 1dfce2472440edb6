"""HellaSwag: is this how a description goes on? (Zellers et al. 2019)

The marks that WikiHow's texts carry ("[title]", "[step]") are removed from context and endings alike. The
official test labels are hidden (""), so the validation split is the test set.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from w2s_ray.core.specs import Source
from w2s_ray.tasks.base import Example, Row, register_task, text_in
from w2s_ray.tasks.forms import candidates, place_in, texts_in

MARK = re.compile(r"\[.*?\]")


@register_task(
    "hellaswag",
    version=1,
    kind="binary",
    family="nlp",
    source=Source(kind="hub", name="Rowan/hellaswag", revision="218ec52e09a7e7462a5400043bb9a69a41d06b76"),
    splits={"train": "train", "test": "validation"},
    columns=("ctx", "endings", "source_id", "label"),
    licence="MIT",
    group="source_id, or ctx where it is empty",
    rows={"train": 39_905, "validation": 10_042},
)
def hellaswag(row: Row) -> Iterator[Example]:
    context = plain(text_in(row, "ctx"))
    endings = [plain(ending) for ending in texts_in(row, "endings")]
    right = place_in(row, "label", len(endings))
    group = text_in(row, "source_id", optional=True) or context
    yield from candidates("", endings, right, context=context, group=group, form=" {answer}")


def plain(text: str) -> str:
    """The text without the marks of its source, its spaces single."""
    return " ".join(MARK.sub("", text.replace(" [title]", ". ")).split())
