"""SciQ: is this the right answer to a science question? (Welbl et al. 2017)

Each row gives four candidates of one form, `Q: … A: …`, so that nothing but the answer itself tells them
apart; of the three wrong ones the split keeps one. The supporting passage, which holds the answer, only
groups the rows (as in OpenAI's released code, whose published numbers are without it).
"""

from __future__ import annotations

from collections.abc import Iterator

from w2s_ray.core.specs import Source
from w2s_ray.tasks.base import Example, Row, register_task, single, text_in
from w2s_ray.tasks.forms import OPENAI

CANDIDATES = ("correct_answer", "distractor1", "distractor2", "distractor3")


@register_task(
    "sciq",
    version=1,
    kind="binary",
    family="nlp",
    source=Source(kind="hub", name="allenai/sciq", revision="2c94ad3e1aafab77146f384e23536f97a4849815"),
    columns=("question", "support", *CANDIDATES),
    licence="CC BY-NC 3.0",
    group="support, or question where it is empty",
    rows={"train": 11_679, "validation": 1_000, "test": 1_000},
    published={
        "gpt2": 0.636,
        "gpt2-medium": 0.686,
        "gpt2-large": 0.726,
        "gpt2-xl": 0.73,
        "qwen-1.8b": 0.822,
        "qwen-7b": 0.893,
        "qwen-14b": 0.922,
        "median pgr naive": 0.332,
        "median pgr confidence": 0.31,
        "gpt2 to qwen-14b naive": 0.771,
        "gpt2 to qwen-14b confidence": 0.813,
        "gpt2-medium to qwen-14b naive": 0.823,
        "gpt2-medium to qwen-14b confidence": 0.862,
    },
    published_in=OPENAI,
)
def sciq(row: Row) -> Iterator[Example]:
    question = text_in(row, "question")
    group = text_in(row, "support", optional=True) or question
    for candidate in CANDIDATES:
        text = f"Q: {question} A: {text_in(row, candidate)}"
        yield single(text, int(candidate == "correct_answer"), group=group, question=question)
