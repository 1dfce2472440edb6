"""MNIST: which handwritten digit is this? (LeCun et al. 1998)"""

from __future__ import annotations

from collections.abc import Iterator

from w2s_ray.core.specs import Source
from w2s_ray.tasks.base import Example, Row, class_in, register_task
from w2s_ray.tasks.images import image_example

DIGITS = tuple(map(str, range(10)))


@register_task(
    "mnist",
    version=1,
    kind="kclass",
    medium="image",
    family="vision",
    source=Source(
        kind="hub",
        name="ylecun/mnist",
        config="mnist",
        revision="77f3279092a1c1579b2250db8eafed0ad422088c",
    ),
    columns=("image", "label"),
    label_words=DIGITS,
    licence="MIT",
    rows={"train": 60_000, "test": 10_000},
    half=20_000,
    validation=2_000,
    test=10_000,
)
def mnist(row: Row) -> Iterator[Example]:
    label = class_in(row, "label", {word: place for place, word in enumerate(DIGITS)})
    yield image_example(row, "image", label)
