"""Surface differences between classes: lengths, marks, capitals and edge words, each as the only score."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from w2s_ray.tasks.examples import Examples
from w2s_ray.tasks.lint.baselines import HALVES
from w2s_ray.tasks.lint.findings import Feature
from w2s_ray.tasks.lint.linear import auroc
from w2s_ray.tasks.lint.texts import answers, words_of

NUMBERS: dict[str, Callable[[str, list[str]], float]] = {
    "characters": lambda text, words: len(text),
    "words": lambda text, words: len(words),
    "characters a word": lambda text, words: len(text) / max(1, len(words)),
    "punctuation marks": lambda text, words: sum(not word[0].isalnum() for word in words),
    "digits": lambda text, words: sum(map(str.isdigit, text)),
    "capitals": lambda text, words: sum(map(str.isupper, text)),
    "begins with a capital": lambda text, words: text.lstrip()[:1].isupper(),
    "ends in punctuation": lambda text, words: not text.rstrip()[-1:].isalnum(),
}
EDGES: dict[str, Callable[[list[str]], str]] = {
    "first word": lambda words: words[0] if words else "",
    "last word": lambda words: words[-1] if words else "",
}


def features(examples: Examples, num_classes: int) -> tuple[Feature, ...]:
    """Every feature with its AUROC on the test set, the strongest first.

    Features are of the answers (`texts.answers`); of a pair, the first text's value less the second's. With
    K classes the AUROC is the mean over classes, each against the rest.
    """
    judge = _Judge(examples, num_classes)
    texts = answers(examples)
    split = [[words_of(text) for text in side] for side in texts]
    numbers = {name: np.asarray([[number(text, words) for text, words in zip(*row, strict=True)]
                                 for row in zip(texts, split, strict=True)], dtype=float)
               for name, number in NUMBERS.items()}  # fmt: skip
    found = [Feature(name=name, auroc=judge.number(values)) for name, values in numbers.items()]
    for name, edge in EDGES.items():
        found.append(Feature(name=name, auroc=judge.word([[edge(words) for words in row] for row in split])))
    if len(texts[0]) == 1 and any(map(any, examples.contexts)):
        last = [
            [EDGES["last word"](words_of(context[-200:])) for context in row] for row in examples.contexts
        ]
        found.append(Feature(name="last word of the context", auroc=judge.word(last)))
    return tuple(sorted(found, key=lambda one: -one.auroc))


class _Judge:
    """Finds a score's direction in the halves, and its AUROC on the test set."""

    def __init__(self, examples: Examples, num_classes: int) -> None:
        self._train = np.isin(examples.splits, HALVES)
        self._test = np.asarray(examples.splits) == "test"
        self._labels = examples.labels
        self._classes = range(num_classes) if num_classes > 2 else (1,)

    def number(self, values: np.ndarray) -> float:
        """Of a number for each text: float [examples, texts]."""
        score = values[:, 0] - values[:, 1] if values.shape[1] > 1 else values[:, 0]
        return self._mean([self._oriented(score, label) for label in self._classes])

    def word(self, words: Sequence[Sequence[str]]) -> float:
        """Of a word for each text, scored by how often its rows in the halves have the class."""
        return self._mean([self._oriented(self._rates(words, label), label) for label in self._classes])

    def _rates(self, words: Sequence[Sequence[str]], label: int) -> np.ndarray:
        positive = self._labels == label
        counts, hits = Counter[str](), Counter[str]()
        for row in np.flatnonzero(self._train).tolist():
            for side, word in enumerate(words[row]):
                counts[word] += 1
                hits[word] += bool(positive[row]) != bool(side)
        rates = np.asarray([[(hits[word] + 1) / (counts[word] + 2) for word in row] for row in words])
        return np.asarray(rates[:, 0] - rates[:, 1] if rates.shape[1] > 1 else rates[:, 0])

    def _oriented(self, score: np.ndarray, label: int) -> float:
        positive = self._labels == label
        sign = 1 if auroc(score[self._train], positive[self._train]) >= 0.5 else -1
        return auroc(sign * score[self._test], positive[self._test])

    @staticmethod
    def _mean(areas: list[float]) -> float:
        return float(np.mean(areas))
