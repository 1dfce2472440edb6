"""ETHICS, virtue: does the person in a scenario show this trait? (Hendrycks et al. 2021)

One trait in twelve is right (in five, in the test set), so the traits of a scenario are its candidates. The
hub's validation split is the official test set, and serves as such; its test split is the adversarial one.
"""

from __future__ import annotations

from collections.abc import Iterator

from w2s_ray.core.errors import DataError
from w2s_ray.core.specs import Source
from w2s_ray.tasks.base import Example, Hub, Row, class_in, register_task, text_in
from w2s_ray.tasks.forms import candidate


@register_task(
    "ethics_virtue",
    version=1,
    kind="binary",
    family="nlp",
    source=Source(
        kind="hub",
        name="hendrycks/ethics",
        config="virtue",
        revision="6deab74c03e30f13540266e373ce31f8466169f8",
    ),
    splits={"train": "train", "test": "validation"},
    columns=("label", "scenario"),
    licence="MIT",
    group="the scenario before its trait",
    rows={"train": 28_245, "validation": 4_975, "test": 4_780},
    hub=Hub(parquet="virtue/{split}/0000.parquet"),
)
def ethics_virtue(row: Row) -> Iterator[Example]:
    scenario, separator, trait = text_in(row, "scenario").rpartition(" [SEP] ")
    if not separator:
        raise DataError(f"column 'scenario' has no ' [SEP] ' before a trait: {trait[:60]!r}")
    right = class_in(row, "label", {"0": 0, "1": 1}) == 1
    yield candidate(scenario, trait, right, form="{question}\nTrait: {answer}")
