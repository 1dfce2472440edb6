"""ImageNet: which of a thousand things is in this picture? (Russakovsky et al. 2015)

The paper's vision study (Burns et al. 2023, D.1) and its released code take the 50,000 validation images
alone: 40,000 to learn from, here two halves of 19,000 and 2,000 for validation, and 10,000 to test.
Gated: accept the terms on the hub, and log in.
"""

from __future__ import annotations

from collections.abc import Iterator

from w2s_ray.core.specs import Source
from w2s_ray.tasks.base import Example, Row, class_in, register_task
from w2s_ray.tasks.images import image_example

CLASSES = tuple(map(str, range(1000)))


@register_task(
    "imagenet",
    version=1,
    kind="kclass",
    medium="image",
    family="vision",
    source=Source(kind="hub", name="ILSVRC/imagenet-1k", revision="49e2ee26f3810fb5a7536bbf732a7b07389a47b5"),
    splits={"train": "validation", "test": "validation"},
    columns=("image", "label"),
    label_words=CLASSES,
    licence="ImageNet agreement, non-commercial research",
    rows={"validation": 50_000},
    half=19_000,
    validation=2_000,
    test=10_000,
    published={
        "alexnet": 0.566,
        "dino-resnet50": 0.637,
        "dino-vitb8": 0.749,
        "pgr dino-resnet50": 0.578,
        "pgr dino-vitb8": 0.415,
    },
    published_in="Burns et al. 2023, D.1, table 3",
)
def imagenet(row: Row) -> Iterator[Example]:
    label = class_in(row, "label", {word: place for place, word in enumerate(CLASSES)})
    yield image_example(row, "image", label)
