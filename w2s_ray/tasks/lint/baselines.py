"""Trivial models: the majority, the answers alone, a bag of words. Trained on the halves, judged on the test set."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from w2s_ray.tasks.examples import Examples
from w2s_ray.tasks.lint.findings import Baseline, Check
from w2s_ray.tasks.lint.linear import auroc, fit, scores_of
from w2s_ray.tasks.lint.texts import answers, character_windows, presence, word_windows

BITS = 18
SEEN = 2  # rows of the halves that have a feature, at least
HALVES = ("weak", "transfer")
Texts = Sequence[tuple[str, ...]]


def majority(examples: Examples, num_classes: int) -> Baseline:
    """Always the class that the halves have most of."""
    largest = int(np.bincount(examples.where(*HALVES).labels, minlength=num_classes).argmax())
    hits = examples.where("test").labels == largest
    return Baseline(check="majority", accuracy=float(hits.mean()), auroc=0.5)


def baselines(examples: Examples, num_classes: int) -> tuple[Baseline, ...]:
    """The bag of words; the answers alone too where they are less than the whole input."""
    train = np.isin(examples.splits, HALVES)
    test = np.asarray(examples.splits) == "test"
    labels, found = examples.labels, []
    alone, pairs = answers(examples), len(examples.texts[0]) > 1
    if not pairs and (alone != list(examples.texts) or any(map(any, examples.contexts))):
        found.append(_trained("answer_only", _features(alone, None), labels, train, test, num_classes))
    whole = _features(examples.texts, None if pairs else examples.contexts)
    return (*found, _trained("bag_of_words", whole, labels, train, test, num_classes))


def _features(texts: Texts, contexts: Texts | None) -> sparse.csr_matrix:
    """Words, pairs of words and character n-grams of the texts, and apart from them words of the contexts.

    Of a pair of texts, the first one's features less the second one's; a context they share cancels.
    """
    first, *others = [_side(texts, contexts, side) for side in range(len(texts[0]))]
    return first - others[0] if others else first


def _side(texts: Texts, contexts: Texts | None, side: int) -> sparse.csr_matrix:
    own = [text[side] for text in texts]
    windows = [*word_windows(own, 1, 2), character_windows(own, salt=1)]
    if contexts is not None and any(context[side] for context in contexts):
        before = [context[side] for context in contexts]
        windows += word_windows(before, 1, 2, salt=2)
    return presence(len(own), windows, BITS)


def _trained(
    check: Check,
    features: sparse.csr_matrix,
    labels: np.ndarray,
    train: np.ndarray,
    test: np.ndarray,
    num_classes: int,
) -> Baseline:
    bias = bool(features.min() >= 0)  # differences of pairs are symmetric, so 0 is their middle
    features = features[:, abs(features[train]).sum(axis=0).A1 >= SEEN]
    known, asked = features[train], features[test]
    classes = range(num_classes) if num_classes > 2 else (1,)
    scores = np.stack(
        [scores_of(asked, fit(known, labels[train] == label, bias=bias)) for label in classes], axis=1
    )
    guesses = scores.argmax(axis=1) if num_classes > 2 else (scores[:, 0] > 0).astype(int)
    areas = [auroc(scores[:, place], labels[test] == label) for place, label in enumerate(classes)]
    return Baseline(
        check=check, accuracy=float((guesses == labels[test]).mean()), auroc=float(np.mean(areas))
    )
