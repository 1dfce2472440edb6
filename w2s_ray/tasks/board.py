"""board: which cell wins at once in a position of tic-tac-toe? Nine classes, one for each cell.

There are 2,230 such positions: 1,000 for the test set and 1,230 to learn and validate on. Classes keep their
natural shares.
"""

from __future__ import annotations

from collections.abc import Iterator

from w2s_ray.core.specs import PromptSpec, Source
from w2s_ray.tasks.base import Example, Row, register_task, single
from w2s_ray.tasks.world import ANSWERS, BETWEEN, CELLS, VERSION


@register_task(
    "board",
    version=1,
    kind="kclass",
    family="world",
    source=Source(kind="world", name="board", version=VERSION),
    columns=("text", "label"),
    label_words=CELLS,
    prompt=PromptSpec(words=ANSWERS["board"], form="{text}", between=BETWEEN),
    licence="Apache-2.0",
    half=500,
    validation=200,
    test=1000,
)
def board(row: Row) -> Iterator[Example]:
    yield single(row["text"], row["label"])
