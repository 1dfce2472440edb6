"""ANLI, round 2: does a premise entail a hypothesis written to mislead models? (Nie et al. 2020)

Neutral is grouped with contradiction (Burns et al. 2023, A.1).
"""

from __future__ import annotations

from collections.abc import Iterator

from w2s_ray.core.specs import Source
from w2s_ray.tasks.base import Example, Row, class_in, register_task, single, text_in

ENTAILED = {"0": 1, "1": 0, "2": 0}  # entailment, neutral, contradiction


@register_task(
    "anli_r2",
    version=1,
    kind="binary",
    family="nlp",
    source=Source(kind="hub", name="facebook/anli", revision="8e4813d81f46d313dac7892e1c28076917cfcdf9"),
    splits={"train": "train_r2", "test": "test_r2"},
    columns=("premise", "hypothesis", "label"),
    licence="CC BY-NC 4.0",
    group="premise",
    rows={"train_r2": 45_460, "dev_r2": 1_000, "test_r2": 1_000},
    test=1_000,
)
def anli_r2(row: Row) -> Iterator[Example]:
    premise = text_in(row, "premise")
    yield single(
        f"Hypothesis: {text_in(row, 'hypothesis')}",
        class_in(row, "label", ENTAILED),
        context=f"Premise: {premise}\n",
        group=premise,
    )
