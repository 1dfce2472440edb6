"""ETHICS, deontology: does the answer excuse from the request, or follow from the role? (Hendrycks et al. 2021)

The hub's validation split is the official test set, and serves as such; its test split is the adversarial one.
"""

from __future__ import annotations

from collections.abc import Iterator

from w2s_ray.core.specs import Source
from w2s_ray.tasks.base import Example, Hub, Row, class_in, register_task, single, text_in


@register_task(
    "ethics_deontology",
    version=1,
    kind="binary",
    family="nlp",
    source=Source(
        kind="hub",
        name="hendrycks/ethics",
        config="deontology",
        revision="6deab74c03e30f13540266e373ce31f8466169f8",
    ),
    splits={"train": "train", "test": "validation"},
    columns=("label", "scenario", "excuse"),
    licence="MIT",
    group="scenario",
    rows={"train": 18_164, "validation": 3_596, "test": 3_536},
    hub=Hub(parquet="deontology/{split}/0000.parquet"),
)
def ethics_deontology(row: Row) -> Iterator[Example]:
    scenario = text_in(row, "scenario")
    text = f"{scenario} {text_in(row, 'excuse')}"
    yield single(text, class_in(row, "label", {"0": 0, "1": 1}), group=scenario)
