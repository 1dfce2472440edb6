"""UltraFeedback, binarised: which of two answers did a judge model score higher? (Cui et al. 2023)

Rows whose answers have one score, or of which one says nothing, give no example.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from w2s_ray.core.errors import DataError
from w2s_ray.core.specs import Source
from w2s_ray.tasks.base import Example, Row, register_task, text_in
from w2s_ray.tasks.forms import pair
from w2s_ray.tasks.preferences import PAPER


@register_task(
    "ultrafeedback",
    version=1,
    kind="pairwise",
    family="reward",
    source=Source(
        kind="hub",
        name="HuggingFaceH4/ultrafeedback_binarized",
        revision="3949bf5f8c17c394422ccfab0c31ea9c20bdeb85",
    ),
    splits={"train": "train_prefs", "test": "test_prefs"},
    columns=("prompt", "prompt_id", "chosen", "rejected", "score_chosen", "score_rejected"),
    licence="MIT",
    group="prompt_id",
    rows={"train_prefs": 61_135, "test_prefs": 2_000},
    label_words=(),
    recipe=PAPER,
)
def ultrafeedback(row: Row) -> Iterator[Example]:
    better, worse = (answer_in(row, column) for column in ("chosen", "rejected"))
    if not better or not worse or row["score_chosen"] == row["score_rejected"]:
        return
    context = f"\n\nHuman: {text_in(row, 'prompt')}\n\nAssistant:"
    yield pair(context, f" {better}", f" {worse}", group=text_in(row, "prompt_id"))


def answer_in(row: Row, column: str) -> str:
    """The last message of a list of {role, content}; it may be empty."""
    messages = row[column]
    if not isinstance(messages, list) or not messages or not isinstance(messages[-1], Mapping):
        raise DataError(f"column {column!r} is {str(messages)[:60]!r}, not a list of messages")
    return text_in(messages[-1], "content", optional=True)
