"""Amazon polarity: is a product review positive? (McAuley and Leskovec 2013; Zhang et al. 2015)

Not among the paper's tasks. Of the 3.6 million training rows of the hub one in 32 is read.
"""

from __future__ import annotations

from collections.abc import Iterator

from w2s_ray.core.specs import PromptSpec, Source
from w2s_ray.tasks.base import Example, Hub, Row, class_in, register_task, single, text_in


@register_task(
    "amazon_polarity",
    version=1,
    kind="binary",
    family="nlp",
    source=Source(
        kind="hub",
        name="fancyzhx/amazon_polarity",
        config="amazon_polarity",
        revision="9d9c45c18f8c3cf1b23a3c27917b60cbf28f3289",
    ),
    columns=("title", "content", "label"),
    prompt=PromptSpec(words=(("negative",), ("positive",)), form="{text}\nSentiment:"),
    licence="Apache-2.0",
    rows={"train": 3_600_000, "test": 400_000},
    hub=Hub(one_in=32),
)
def amazon_polarity(row: Row) -> Iterator[Example]:
    title, content = text_in(row, "title", optional=True), text_in(row, "content")
    yield single(f"{title}\n{content}".strip(), class_in(row, "label", {"0": 0, "1": 1}))
