"""review: does a two-clause review of the offline world recommend the place? The latent is the verdict."""

from __future__ import annotations

from collections.abc import Iterator

from w2s_ray.core.specs import PromptSpec, Source
from w2s_ray.tasks.base import Example, Row, register_task, single
from w2s_ray.tasks.world import ANSWERS, BETWEEN, VERSION


@register_task(
    "review",
    version=1,
    kind="binary",
    family="world",
    source=Source(kind="world", name="review", version=VERSION),
    columns=("text", "label"),
    prompt=PromptSpec(words=ANSWERS["review"], form="{text}", between=BETWEEN),
    licence="Apache-2.0",
    half=500,
    validation=400,
    test=1000,
)
def review(row: Row) -> Iterator[Example]:
    yield single(row["text"], row["label"])
