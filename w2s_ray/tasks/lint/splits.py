"""What the splits share: groups, inputs, near-duplicates; and whether their lengths differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from scipy.special import kolmogorov

from w2s_ray.tasks.examples import Examples
from w2s_ray.tasks.lint.baselines import HALVES
from w2s_ray.tasks.lint.findings import Check, Overlap, Shift, Twin
from w2s_ray.tasks.lint.texts import words_of
from w2s_ray.tasks.lint.twins import near_twins, signatures

# The splits that must have nothing in common: name of the first, its parts, name of the others, their parts.
PAIRS = (
    ("test", ("test",), "training", ("weak", "transfer", "select", "tune")),
    ("transfer", ("transfer",), "weak", ("weak",)),
    ("validation", ("select", "tune"), "halves", HALVES),
    ("tune", ("tune",), "select", ("select",)),
)
SHOWN, EXCERPT = 3, 80


def overlaps(examples: Examples, *, near: bool = True) -> tuple[Overlap, ...]:
    """Groups, inputs and, if `near`, near-duplicates in two splits, for each of `PAIRS`."""
    texts = inputs(examples)
    plain = [" ".join(text.casefold().split()) for text in texts]
    found = [*_equal("groups", examples, examples.groups), *_equal("duplicates", examples, plain)]
    return (*found, *(_near(examples, texts, plain) if near else ()))


def inputs(examples: Examples) -> list[str]:
    """Each example's whole input as one text, whichever of two texts comes first."""
    return [
        "\n\n".join(sorted({context + text for context, text in zip(*pair, strict=True)}))
        for pair in zip(examples.contexts, examples.texts, strict=True)
    ]


def length_shift(examples: Examples) -> Shift:
    """Lengths in words of the halves' inputs and the test's."""
    lengths = np.asarray([len(words_of(text)) for text in inputs(examples)])
    halves = np.sort(lengths[np.isin(examples.splits, HALVES)])
    test = np.sort(lengths[np.asarray(examples.splits) == "test"])
    where = np.concatenate([halves, test])
    below = [np.searchsorted(one, where, side="right") / len(one) for one in (halves, test)]
    statistic = float(np.abs(below[0] - below[1]).max())
    scale = (len(halves) * len(test) / (len(halves) + len(test))) ** 0.5
    return Shift(
        halves=float(np.median(halves)),
        test=float(np.median(test)),
        statistic=statistic,
        p_value=float(kolmogorov(scale * statistic)),
    )


def _sides(examples: Examples) -> Iterator[tuple[str, np.ndarray, str, np.ndarray]]:
    splits = np.asarray(examples.splits)
    for first, parts, second, others in PAIRS:
        yield first, np.flatnonzero(np.isin(splits, parts)), second, np.flatnonzero(np.isin(splits, others))


def _equal(check: Check, examples: Examples, names: Sequence[str]) -> Iterator[Overlap]:
    for first, rows, second, others in _sides(examples):
        known: Mapping[str, int] = {names[row]: row for row in reversed(others)}
        found = [(row, known[names[row]], 1.0) for row in rows if names[row] in known]
        yield _overlap(check, examples, first, second, len(rows), found)


def _near(examples: Examples, texts: Sequence[str], plain: Sequence[str]) -> Iterator[Overlap]:
    """Equal inputs are no near-duplicates: they are told as `duplicates`."""
    signed = signatures(texts)
    for first, rows, second, others in _sides(examples):
        matches = near_twins(signed, rows, others)
        found = [
            (row, other, float(similarity))
            for row, other, similarity in zip(rows, matches.rows, matches.similarity, strict=True)
            if other >= 0 and plain[row] != plain[other]
        ]
        yield _overlap("near_duplicates", examples, first, second, len(rows), found)


def _overlap(
    check: Check, examples: Examples, first: str, second: str, of: int, found: list[tuple[int, int, float]]
) -> Overlap:
    likest = sorted(found, key=lambda one: (-one[2], one[0]))[:SHOWN]
    twins = tuple(
        Twin(
            first=examples.ids[row],
            second=examples.ids[other],
            similarity=round(similarity, 4),
            excerpt=" ".join(examples.texts[row][0].split())[:EXCERPT],
        )
        for row, other, similarity in likest
    )
    return Overlap(check=check, first=first, second=second, num=len(found), of=of, twins=twins)
