"""HH-RLHF, helpful: which of two answers did people find more helpful? (Bai et al. 2022)

Both dialogues of a row run up to the last assistant turn they share: that is the context, and what follows in
each are the two texts. Rows in which one of them says nothing give no example; equal ones are dropped by the
split. Dialogues with one opening are one group, for they are turns of one conversation.
"""

from __future__ import annotations

from collections.abc import Iterator

from w2s_ray.core.specs import Source
from w2s_ray.tasks.base import Example, Hub, Row, register_task
from w2s_ray.tasks.preferences import PAPER, dialogue_pair


@register_task(
    "hh_helpful",
    version=1,
    kind="pairwise",
    family="reward",
    source=Source(kind="hub", name="Anthropic/hh-rlhf", revision="09be8c5bbc57cb3887f3a9732ad6aa7ec602a1fa"),
    columns=("chosen", "rejected"),
    licence="MIT",
    group="the opening of the dialogue",
    label_words=(),
    hub=Hub(data_dir="helpful-base"),
    recipe=PAPER,
)
def hh_helpful(row: Row) -> Iterator[Example]:
    return dialogue_pair(row)
