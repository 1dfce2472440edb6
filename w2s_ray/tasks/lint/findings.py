"""What a lint finds: named numbers, and verdicts as sentences. Standard library only.

`CHECKS` is closed: whoever allows a leak names the check that found it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

Check = Literal[
    "majority",
    "answer_only",
    "bag_of_words",
    "surface",
    "phrases",
    "position",
    "groups",
    "duplicates",
    "near_duplicates",
    "length_shift",
]
Verdict = Literal["leak", "note"]

# Check → what it looks at. Those that may find a leak come with the rule that makes it one.
CHECKS: dict[Check, str] = {
    "majority": "accuracy of always naming the most frequent class of the halves",
    "answer_only": "a linear model on the answers alone; AUROC > .98 (K classes: accuracy) is a leak",
    "bag_of_words": "a linear model on words and character 4-grams; a leak in the same way",
    "surface": "one number of the text, or one edge word, as the score; AUROC > .98 is a leak",
    "phrases": "words that decide the class alone: 98% of at least 5% of the rows is a leak",
    "position": "pairs: the better text's place; over 98% in one place is a leak",
    "groups": "rows of one group in two splits: a leak",
    "duplicates": "one input, but for case and spaces, in two splits: a leak",
    "near_duplicates": "inputs in two splits that share most of their 3-word sequences",
    "length_shift": "test inputs of another length than those of the halves (Kolmogorov-Smirnov)",
}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A verdict of one check, in a sentence with its numbers."""

    check: Check
    verdict: Verdict
    sentence: str


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """A trivial model, trained on the halves: accuracy and AUROC on the test set.

    With K classes the AUROC is the mean over classes, each against the rest.
    """

    check: Check
    accuracy: float
    auroc: float


@dataclass(frozen=True, kw_only=True)
class Feature:
    """One property of the text as the only score: AUROC on the test set; its direction is from the halves."""

    name: str
    auroc: float


@dataclass(frozen=True, kw_only=True)
class Phrase:
    """Words whose presence decides the class: their share of the halves' texts, and how often they are right.

    `purity` and `test_purity` are shares of the texts with the phrase that have the class `label`, in the
    halves and in the test set (None where the test set has no such text). Of a pair, class 1 is the better text.
    """

    text: str
    label: int
    share: float
    purity: float
    test_purity: float | None


@dataclass(frozen=True, kw_only=True)
class Twin:
    """Two examples of different splits that are alike: their ids, their likeness, and the first one's input."""

    first: str
    second: str
    similarity: float
    excerpt: str


@dataclass(frozen=True, kw_only=True)
class Overlap:
    """How many of the `of` rows of a split (`first`) have a twin in others (`second`), with some examples."""

    check: Check
    first: str
    second: str
    num: int
    of: int
    twins: tuple[Twin, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Shift:
    """Length in words, halves against test: medians, and the Kolmogorov-Smirnov statistic with its p-value."""

    halves: float
    test: float
    statistic: float
    p_value: float


@dataclass(frozen=True, kw_only=True)
class Measures:
    """All numbers of a lint; `features` and `phrases` have the strongest first.

    `first_better` is the share of pairs whose first text is the better one; None where there are no pairs.
    `shift` is None where inputs have no words.
    """

    num_classes: int
    num_halves: int
    num_test: int
    baselines: tuple[Baseline, ...]
    features: tuple[Feature, ...]
    phrases: tuple[Phrase, ...]
    overlaps: tuple[Overlap, ...]
    shift: Shift | None
    first_better: float | None


@dataclass(frozen=True, kw_only=True)
class Lint:
    """The numbers of a lint and the verdicts on them."""

    measures: Measures
    findings: tuple[Finding, ...]

    @property
    def worst(self) -> str:
        """ "leak", "note" or "clean"."""
        verdicts = {finding.verdict for finding in self.findings}
        return next((verdict for verdict in ("leak", "note") if verdict in verdicts), "clean")

    def leaks(self, allowed: Iterable[str] = ()) -> list[Finding]:
        """The leaks whose check is not among the allowed ones."""
        return [one for one in self.findings if one.verdict == "leak" and one.check not in set(allowed)]

    def summary(self, allowed: Iterable[str] = ()) -> dict[str, Any]:
        """The worst verdict, the checks with each verdict, and the allowed ones: what a record tells of it."""
        checks = {verdict: sorted({one.check for one in self.findings if one.verdict == verdict})
                  for verdict in ("leak", "note")}  # fmt: skip
        return {"worst": self.worst, "leaks": checks["leak"], "notes": checks["note"], "allowed": [*allowed]}

    def to_json(self) -> dict[str, Any]:
        return {"worst": self.worst, **asdict(self)}
