"""CIFAR-10: what is in this picture of 32 × 32 pixels? (Krizhevsky 2009)"""

from __future__ import annotations

from collections.abc import Iterator

from w2s_ray.core.specs import Source
from w2s_ray.tasks.base import Example, Row, class_in, register_task
from w2s_ray.tasks.images import image_example

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


@register_task(
    "cifar10",
    version=1,
    kind="kclass",
    medium="image",
    family="vision",
    source=Source(
        kind="hub",
        name="uoft-cs/cifar10",
        config="plain_text",
        revision="0b2714987fa478483af9968de7c934580d0bb9a2",
    ),
    columns=("img", "label"),
    label_words=CLASSES,
    rows={"train": 50_000, "test": 10_000},
    half=20_000,
    validation=2_000,
    test=10_000,
)
def cifar10(row: Row) -> Iterator[Example]:
    label = class_in(row, "label", {str(place): place for place in range(len(CLASSES))})
    yield image_example(row, "img", label)
