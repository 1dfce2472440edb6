"""ETHICS, justice: is this treatment or expectation of others reasonable? (Hendrycks et al. 2021)

Rows are variations of one claim with other reasons, and no column says which; those that open with the same
words, up to the reason and eight at most, are one group. The hub's validation split is the official test set
and serves as such; its test split is the adversarial one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from w2s_ray.core.specs import Source
from w2s_ray.tasks.base import Example, Hub, Row, class_in, register_task, single, text_in
from w2s_ray.tasks.forms import opening

REASON = re.compile(r"\b(?:because|since|but|as)\b")


@register_task(
    "ethics_justice",
    version=1,
    kind="binary",
    family="nlp",
    source=Source(
        kind="hub",
        name="hendrycks/ethics",
        config="justice",
        revision="6deab74c03e30f13540266e373ce31f8466169f8",
    ),
    splits={"train": "train", "test": "validation"},
    columns=("label", "scenario"),
    licence="MIT",
    group="the opening of the scenario",
    rows={"train": 21_791, "validation": 2_704, "test": 2_052},
    hub=Hub(parquet="justice/{split}/0000.parquet"),
)
def ethics_justice(row: Row) -> Iterator[Example]:
    scenario = text_in(row, "scenario")
    claim = REASON.split(scenario, maxsplit=1)[0] or scenario
    yield single(scenario, class_in(row, "label", {"0": 0, "1": 1}), group=opening(claim, 8))
