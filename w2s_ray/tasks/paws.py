"""PAWS: do two sentences of nearly the same words mean the same? (Zhang et al. 2019; Wikipedia, labelled, final)

A label of -1 marks a row that its authors could not label; such rows give no example. A sentence is compared with
several others, as the first or as the second one, and most pairs differ in the order of words alone: rows that
share a sentence, or the words of one, stay together.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from w2s_ray.core.specs import Source
from w2s_ray.tasks.base import Example, Row, class_in, register_task, single, text_in

UNLABELLED = -1


@register_task(
    "paws",
    version=2,
    kind="binary",
    family="nlp",
    source=Source(
        kind="hub",
        name="google-research-datasets/paws",
        config="labeled_final",
        revision="161ece9501cf0a11f3e48bd356eaa82de46d6a09",
    ),
    columns=("sentence1", "sentence2", "label"),
    licence="free use, credit to Google",
    group="sentence1, and rows that share the words of a sentence",
    rows={"train": 49_401, "validation": 8_000, "test": 8_000},
)
def paws(row: Row) -> Iterator[Example]:
    first, second = text_in(row, "sentence1"), text_in(row, "sentence2")
    label = class_in(row, "label", {"0": 0, "1": 1, "-1": UNLABELLED})
    if label != UNLABELLED:
        example = single(f"First: {first}\nSecond: {second}", label, group=first)
        yield replace(example, ties=(_words(first), _words(second)))


def _words(sentence: str) -> str:
    """The words of a sentence in alphabetical order."""
    return " ".join(sorted(re.findall(r"\w+", sentence.casefold())))
