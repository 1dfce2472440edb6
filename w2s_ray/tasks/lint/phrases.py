"""Phrases that decide the class by themselves: a word, two words, or a whole answer.

"None of the above" that is never right is one; so is a label that stands in the prompt. Such a phrase need
not be in most rows, so no AUROC tells of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from w2s_ray.tasks.examples import Examples
from w2s_ray.tasks.lint.baselines import HALVES
from w2s_ray.tasks.lint.findings import Phrase
from w2s_ray.tasks.lint.texts import answers, presence, whole_windows, word_windows, words_of

BITS = 20
IMPURE = 0.04  # of the rows without the class: .98 is pure where a class has half of them
MIN_ROWS, MIN_SHARE = 30, 0.01  # of the halves, that have a phrase
TAIL = 200  # characters of a context that are looked at
SHOWN = 5


@dataclass(frozen=True, eq=False)
class _Bags:
    """Texts as bags of phrases, with their labels; of a pair, each text less the phrases of the other."""

    present: sparse.csr_matrix
    labels: np.ndarray
    splits: np.ndarray
    texts: Sequence[tuple[str, str]]  # all that is looked at, and the answer in it

    def where(self, *splits: str) -> _Bags:
        rows = np.flatnonzero(np.isin(self.splits, splits))
        texts = [self.texts[row] for row in rows.tolist()]
        return _Bags(self.present[rows], self.labels[rows], self.splits[rows], texts)


def phrases(examples: Examples, num_classes: int) -> tuple[Phrase, ...]:
    """Phrases of the halves that decide the class, the widest spread first; each only once."""
    bags = _bags(examples)
    train, test = bags.where(*HALVES), bags.where("test")
    shares = np.bincount(train.labels, minlength=num_classes) / len(train.labels)
    counts = np.asarray(train.present.sum(axis=0)).ravel()
    columns = np.flatnonzero(counts >= max(MIN_ROWS, MIN_SHARE * len(train.labels)))
    found: dict[tuple[float, float], Phrase] = {}
    for label in range(num_classes):
        purity = _share_of(train, columns, label)
        pure = purity >= 1 - IMPURE * (1 - shares[label])
        for column, value in zip(columns[pure], purity[pure], strict=True):
            phrase = Phrase(
                text=_text_of(train, column),
                label=label,
                share=float(counts[column] / len(train.labels)),
                purity=float(value),
                test_purity=_known(_share_of(test, np.asarray([column]), label)[0]),
            )
            twin = found.setdefault((phrase.share, phrase.purity), phrase)
            if len(phrase.text) > len(twin.text):
                found[phrase.share, phrase.purity] = phrase
    return tuple(sorted(found.values(), key=lambda one: (-one.share, one.text))[:SHOWN])


def _bags(examples: Examples) -> _Bags:
    found, splits, labels = answers(examples), np.asarray(examples.splits), examples.labels
    if len(found[0]) == 1:
        texts = [(f"{context[0][-TAIL:]}\n{text[0]}", text[0])
                 for context, text in zip(examples.contexts, found, strict=True)]  # fmt: skip
        return _Bags(_present(texts), labels, splits, texts)
    first, second = ([(text[side], text[side]) for text in found] for side in (0, 1))
    difference = _present(first) - _present(second)
    present = sparse.vstack([difference.maximum(0), (-difference).maximum(0)]).tocsr()
    better = np.concatenate([labels, 1 - labels])
    return _Bags(present, better, np.concatenate([splits, splits]), [*first, *second])


def _present(texts: Sequence[tuple[str, str]]) -> sparse.csr_matrix:
    bodies = [body for body, _ in texts]
    wholes = whole_windows([whole for _, whole in texts])
    return presence(len(texts), [*word_windows(bodies, 1, 2), wholes], BITS)


def _share_of(bags: _Bags, columns: np.ndarray, label: int) -> np.ndarray:
    """Of the texts with each phrase, the share with the label; NaN where there are none."""
    present = bags.present[:, columns]
    counts = np.asarray(present.sum(axis=0)).ravel()
    hits = np.asarray(present[bags.labels == label].sum(axis=0)).ravel()
    return np.asarray(np.divide(hits, counts, out=np.full(len(columns), np.nan), where=counts > 0))


def _known(share: float) -> float | None:
    return None if np.isnan(share) else float(share)


def _text_of(bags: _Bags, column: int) -> str:
    """The phrase of a column, read in the first text that has it."""
    row = int(bags.present[:, [column]].nonzero()[0][0])
    for phrase, found in _columns_of(*bags.texts[row]):
        if found == column:
            return phrase
    raise AssertionError("a column comes from the phrases of its rows")


def _columns_of(body: str, whole: str) -> Iterator[tuple[str, int]]:
    words = ["⟨start⟩", "⟨start⟩", *words_of(body), "⟨end⟩"]
    shift = np.uint64(64 - BITS)
    yield whole.strip(), int(whole_windows([whole]).hashes[0] >> shift)
    for num, windows in zip((2, 1), word_windows([body], 2, 1), strict=True):
        for place, hashed in enumerate(windows.hashes >> shift):
            yield " ".join(words[place : place + num]), int(hashed)
