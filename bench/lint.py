"""What a lint costs as the rows grow: the near-duplicate search alone, and all checks together.

    python -m bench.lint [ROWS ...]

Prints processor seconds for 1,000, 10,000 and 100,000 rows of 40 words, each a changed copy of another one,
and the ratio to the size before it: 10 is linear, 10 · log 10n / log n is n log n.
"""

from __future__ import annotations

import math
import random
import sys
import time

import numpy as np

from w2s_ray.tasks.examples import Examples
from w2s_ray.tasks.lint.run import lint
from w2s_ray.tasks.lint.twins import near_twins, signatures

SIZES = (1_000, 10_000, 100_000)
WORDS = [f"word{n}" for n in range(5_000)]
PARTS = ("weak", "transfer", "weak", "transfer", "test")


def texts_of(num: int) -> list[str]:
    """Random texts, the second half with some words of the first half's changed."""
    rng = random.Random(0)
    first = [rng.choices(WORDS, k=40) for _ in range(num // 2)]
    second = [[*words[: 38 - n % 8], *rng.choices(WORDS, k=2 + n % 8)] for n, words in enumerate(first)]
    return [" ".join(words) for words in (*first, *second)]


def search_s(texts: list[str]) -> float:
    """Seconds to look for each text of the second half in the first."""
    began, half = time.process_time(), len(texts) // 2
    near_twins(signatures(texts), np.arange(half, 2 * half), np.arange(half))
    return time.process_time() - began


def lint_s(texts: list[str]) -> float:
    """Seconds of all checks; labels are random."""
    rng = random.Random(1)
    examples = Examples(
        ids=tuple(f"{n:016x}" for n in range(len(texts))),
        groups=tuple(map(str, range(len(texts)))),
        splits=tuple(PARTS[n % len(PARTS)] for n in range(len(texts))),
        labels=np.asarray([rng.randrange(2) for _ in texts], dtype=np.int32),
        contexts=(("",),) * len(texts),
        texts=tuple((text,) for text in texts),
    )
    began = time.process_time()
    lint(examples, 2)
    return time.process_time() - began


def main(sizes: tuple[int, ...]) -> None:
    before: tuple[int, float, float] | None = None
    lint_s(texts_of(200))  # what is imported and allocated once
    for num in sizes:
        texts = texts_of(num)
        search, whole = search_s(texts), lint_s(texts)
        line = f"{num:8,} rows   search {search:7.2f} s   lint {whole:7.2f} s"
        if before:
            growth = num * math.log(num) / (before[0] * math.log(before[0]))
            line += f"   ratios {search / before[1]:.1f} and {whole / before[2]:.1f} (n log n: {growth:.1f})"
        print(line, flush=True)
        before = num, search, whole


if __name__ == "__main__":
    main(tuple(map(int, sys.argv[1:])) or SIZES)
