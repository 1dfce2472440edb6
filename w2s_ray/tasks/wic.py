"""WiC: has a word the same sense in two sentences? (Pilehvar and Camacho-Collados 2019; SuperGLUE)

The word is marked by asterisks where it stands, for it may be inflected or occur twice. The official test
labels are hidden (-1), so the validation split is the test set.
"""

from __future__ import annotations

from collections.abc import Iterator

from w2s_ray.core.errors import DataError
from w2s_ray.core.specs import Source
from w2s_ray.tasks.base import Example, Row, class_in, register_task, single, text_in

SENTENCES = ("sentence1", "sentence2")


@register_task(
    "wic",
    version=1,
    kind="binary",
    family="nlp",
    source=Source(
        kind="hub", name="aps/super_glue", config="wic", revision="3de24cf8022e94f4ee4b9d55a6f539891524d646"
    ),
    splits={"train": "train", "test": "validation"},
    columns=("word", *SENTENCES, *(f"{edge}{n}" for edge in ("start", "end") for n in (1, 2)), "label"),
    licence="CC BY-NC 4.0",
    group="word",
    rows={"train": 5_428, "validation": 638},
    validation=500,
    test=638,
)
def wic(row: Row) -> Iterator[Example]:
    word = text_in(row, "word")
    first, second = (marked(row, n) for n in (1, 2))
    label = class_in(row, "label", {"0": 0, "1": 1})
    yield single(f"Word: {word}\nFirst: {first}\nSecond: {second}", label, group=word)


def marked(row: Row, n: int) -> str:
    """The n-th sentence with asterisks around the word; DataError where its place holds none."""
    sentence, start, end = row[f"sentence{n}"], row[f"start{n}"], row[f"end{n}"]
    text_in(row, f"sentence{n}")
    try:
        start, end = int(start), int(end)
    except (TypeError, ValueError):
        raise DataError(f"columns 'start{n}', 'end{n}' are {start!r}, {end!r}, not places") from None
    if not 0 <= start < end <= len(sentence) or not sentence[start:end].strip():
        raise DataError(f"column 'sentence{n}' has no word from {start} to {end}: {sentence[:60]!r}")
    return f"{sentence[:start]}*{sentence[start:end]}*{sentence[end:]}".strip()
