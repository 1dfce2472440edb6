"""Summaries from feedback: which of two summaries of a Reddit post did people prefer? (Stiennon et al. 2020)

The repository holds a script, so the files of its Parquet branch are read. Of its validation split only the part
`valid2` is the test set: `valid1` chose models, and the rest are news articles.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from w2s_ray.core.errors import DataError
from w2s_ray.core.specs import Source
from w2s_ray.tasks.base import Example, Hub, Row, register_task, text_in
from w2s_ray.tasks.forms import pair, place_in
from w2s_ray.tasks.preferences import PAPER

PARTS = ("train", "valid2")


@register_task(
    "summarize_comparisons",
    version=1,
    kind="pairwise",
    family="reward",
    source=Source(
        kind="hub",
        name="openai/summarize_from_feedback",
        config="comparisons",
        revision="195fc27ff714b2aff32ab8aba9bbee1d35663700",
    ),
    splits={"train": "train", "test": "validation"},
    columns=("info", "summaries", "choice", "split"),
    licence="none stated; posts of TL;DR CC BY 4.0",
    group="info.id, the post",
    rows={"train": 92_858, "validation": 86_086},
    label_words=(),
    hub=Hub(parquet="comparisons/{split}/0000.parquet"),
    recipe=PAPER,
)
def summarize_comparisons(row: Row) -> Iterator[Example]:
    info, post = mapping_in(row, "info"), text_in(mapping_in(row, "info"), "post", optional=True)
    if row["split"] not in PARTS or not post:
        return
    better, worse = ranked(row)
    head = f"SUBREDDIT: r/{info.get('subreddit')}\nTITLE: {info.get('title')}"
    yield pair(f"{head}\nPOST: {post}\n\nTL;DR:", f" {better}", f" {worse}", group=text_in(info, "id"))


def ranked(row: Row) -> tuple[str, str]:
    """The preferred summary and the other one."""
    summaries = row["summaries"]
    if not isinstance(summaries, list) or len(summaries) != 2:
        raise DataError(f"column 'summaries' is {summaries!r}; expected two")
    texts = [text_in(summary, "text") for summary in summaries]
    choice = place_in(row, "choice", 2)
    return texts[choice], texts[1 - choice]


def mapping_in(row: Row, column: str) -> Row:
    """The mapping that a column holds."""
    value = row[column]
    if not isinstance(value, Mapping):
        raise DataError(f"column {column!r} is {value!r}, not a mapping")
    return value
