"""MC-TACO: is this a plausible answer to a question about time? (Zhou et al. 2019)

Questions have several right answers; as many wrong ones are kept. There is no training split: as in
EleutherAI/w2s, the large test split is trained on and the validation split is the test set. The repository
holds a script, so the files of its Parquet branch are read.
"""

from __future__ import annotations

from collections.abc import Iterator

from w2s_ray.core.specs import Source
from w2s_ray.tasks.base import Example, Hub, Row, class_in, register_task, text_in
from w2s_ray.tasks.forms import candidate

PLAUSIBLE = {"0": 0, "no": 0, "1": 1, "yes": 1}


@register_task(
    "mc_taco",
    version=1,
    kind="binary",
    family="nlp",
    source=Source(kind="hub", name="CogComp/mc_taco", config="plain_text"),
    splits={"train": "test", "test": "validation"},
    columns=("sentence", "question", "answer", "label"),
    licence="unknown",
    group="sentence",
    rows={"test": 9_442, "validation": 3_783},
    hub=Hub(parquet="*/{split}/*.parquet", branch="refs/convert/parquet"),
)
def mc_taco(row: Row) -> Iterator[Example]:
    context = f"Passage: {text_in(row, 'sentence')}\n"
    right = class_in(row, "label", PLAUSIBLE) == 1
    yield candidate(text_in(row, "question"), text_in(row, "answer"), right, context=context)
