"""ETHICS, utilitarianism: is the first of two situations the more pleasant one? (Hendrycks et al. 2021)

The data have no label: `baseline` is the more pleasant one in every row, so a hash of the two draws which
comes first. Situations are variations of one opening, whose first five words group them. The hub's validation
split is the official test set, and serves as such; its test split is the adversarial one.
"""

from __future__ import annotations

from collections.abc import Iterator

from w2s_ray.core.specs import Source
from w2s_ray.tasks.base import Example, Hub, Row, register_task, single, text_in
from w2s_ray.tasks.forms import opening, shuffled


@register_task(
    "ethics_utilitarianism",
    version=1,
    kind="binary",
    family="nlp",
    source=Source(
        kind="hub",
        name="hendrycks/ethics",
        config="utilitarianism",
        revision="6deab74c03e30f13540266e373ce31f8466169f8",
    ),
    splits={"train": "train", "test": "validation"},
    columns=("baseline", "less_pleasant"),
    licence="MIT",
    group="the opening of the baseline",
    rows={"train": 13_737, "validation": 4_807, "test": 4_271},
    hub=Hub(parquet="utilitarianism/{split}/0000.parquet"),
)
def ethics_utilitarianism(row: Row) -> Iterator[Example]:
    better, worse = text_in(row, "baseline"), text_in(row, "less_pleasant")
    first, second = shuffled(better, worse)
    label = int(first == better)
    yield single(f"First: {first}\nSecond: {second}", label, group=opening(better, 5))
