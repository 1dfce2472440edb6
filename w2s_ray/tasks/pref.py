"""pref: which of two reviews of the offline world, of opposite verdicts, is the better one?"""

from __future__ import annotations

from collections.abc import Iterator

from w2s_ray.core.specs import Source
from w2s_ray.tasks.base import Example, Row, register_task
from w2s_ray.tasks.world import VERSION


@register_task(
    "pref",
    version=1,
    kind="pairwise",
    family="world",
    source=Source(kind="world", name="pref", version=VERSION),
    columns=("first", "second", "label"),
    label_words=(),
    licence="Apache-2.0",
    half=500,
    validation=400,
    test=1000,
)
def pref(row: Row) -> Iterator[Example]:
    first, second = row["first"], row["second"]
    yield Example(("", ""), (first, second), row["label"], f"{first}\n{second}")
