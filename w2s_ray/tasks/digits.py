"""Digits: which digit is this, in 8 × 8 pixels? The offline image task; it comes with scikit-learn."""

from __future__ import annotations

from collections.abc import Iterator

from w2s_ray.core.specs import Source
from w2s_ray.tasks.base import Example, Row, class_in, register_task
from w2s_ray.tasks.images import image_example

DIGITS = tuple(map(str, range(10)))


@register_task(
    "digits",
    version=1,
    kind="kclass",
    medium="image",
    family="vision",
    source=Source(kind="package", name="scikit-learn/digits", version=1),
    columns=("image", "label"),
    label_words=DIGITS,
    licence="CC BY 4.0",
    half=550,
    validation=200,
    test=400,
)
def digits(row: Row) -> Iterator[Example]:
    label = class_in(row, "label", {word: place for place, word in enumerate(DIGITS)})
    yield image_example(row, "image", label)
