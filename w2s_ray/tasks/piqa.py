"""PIQA: does this solution reach a goal of everyday life? (Bisk et al. 2020)

The original repository holds a script, so a Parquet copy of it is read. The official test labels are hidden
(-1), so the validation split is the test set.
"""

from __future__ import annotations

from collections.abc import Iterator

from w2s_ray.core.specs import Source
from w2s_ray.tasks.base import Example, Row, register_task, text_in
from w2s_ray.tasks.forms import candidates, place_in

SOLUTIONS = ("sol1", "sol2")


@register_task(
    "piqa",
    version=1,
    kind="binary",
    family="nlp",
    source=Source(kind="hub", name="baber/piqa", revision="142f6d7367fd9877f0fb3b5734ea6a545f54cdd1"),
    splits={"train": "train", "test": "validation"},
    columns=("goal", *SOLUTIONS, "label"),
    licence="AFL-3.0",
    group="goal",
    rows={"train": 16_113, "validation": 1_838},
)
def piqa(row: Row) -> Iterator[Example]:
    goal, solutions = text_in(row, "goal"), [text_in(row, column) for column in SOLUTIONS]
    right = place_in(row, "label", len(SOLUTIONS))
    yield from candidates(goal, solutions, right, form="Goal: {question} Solution: {answer}")
