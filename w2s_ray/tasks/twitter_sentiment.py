"""Twitter sentiment: is a tweet positive? (TweetEval, Barbieri et al. 2020)

The paper names no data set. TweetEval is taken because its classes are documented and its commit is known; its
neutral tweets give no example. EleutherAI's choice, `EleutherAI/twitter-sentiment`, has columns `text` and
`label` (0 or 1, undocumented which is positive) and can be described in YAML as a task of one's own.
"""

from __future__ import annotations

from collections.abc import Iterator

from w2s_ray.core.specs import PromptSpec, Source
from w2s_ray.tasks.base import Example, Row, class_in, register_task, single, text_in

NEUTRAL = -1


@register_task(
    "twitter_sentiment",
    version=1,
    kind="binary",
    family="nlp",
    source=Source(
        kind="hub",
        name="cardiffnlp/tweet_eval",
        config="sentiment",
        revision="b3a375baf0f409c77e6bc7aa35102b7b3534f8be",
    ),
    columns=("text", "label"),
    prompt=PromptSpec(words=(("negative",), ("positive",)), form="{text}\nSentiment:"),
    licence="unknown; Twitter's terms apply",
    rows={"train": 45_615, "validation": 2_000, "test": 12_284},
)
def twitter_sentiment(row: Row) -> Iterator[Example]:
    label = class_in(row, "label", {"0": 0, "1": NEUTRAL, "2": 1})
    if label != NEUTRAL:
        yield single(text_in(row, "text"), label)
