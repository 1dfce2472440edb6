"""CIFAR-100: which of a hundred things is in this picture of 32 × 32 pixels? (Krizhevsky 2009)"""

from __future__ import annotations

from collections.abc import Iterator

from w2s_ray.core.specs import Source
from w2s_ray.tasks.base import Example, Row, class_in, register_task
from w2s_ray.tasks.images import image_example

CLASSES = tuple(map(str, range(100)))


@register_task(
    "cifar100",
    version=1,
    kind="kclass",
    medium="image",
    family="vision",
    source=Source(
        kind="hub",
        name="uoft-cs/cifar100",
        config="cifar100",
        revision="aadb3af77e9048adbea6b47c21a81e47dd092ae5",
    ),
    columns=("img", "fine_label"),
    label_words=CLASSES,
    rows={"train": 50_000, "test": 10_000},
    half=20_000,
    validation=2_000,
    test=10_000,
)
def cifar100(row: Row) -> Iterator[Example]:
    label = class_in(row, "fine_label", {word: place for place, word in enumerate(CLASSES)})
    yield image_example(row, "img", label)
