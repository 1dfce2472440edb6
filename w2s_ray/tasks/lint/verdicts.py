"""From numbers to verdicts: which of them is a leak, which deserves a note, and the sentence that says so."""

from __future__ import annotations

from collections.abc import Iterator

from w2s_ray.tasks.lint.findings import Baseline, Finding, Measures, Overlap, Phrase, Verdict

LEAK = 0.98  # AUROC, accuracy or share of a trivial rule from which it has solved the task
FEW = 20  # test rows: in fewer, a trivial rule may be right by chance (10 against 10 in order: 1 in 184,756)
MAJORITY_NOTE = 0.55  # two classes: the balancing rule's own bound; K classes: twice the even share
TRAINED_NOTE, FEATURE_NOTE = 0.75, 0.65  # AUROC
WIDE = 0.05  # of the rows: a phrase that decides so many is a leak
STILL_PURE = 0.9  # on the test set
PLACE_NOTE, PLACE_SIGMAS = 0.03, 3
SHIFT_NOTE, SHIFT_P = 0.1, 1e-3
NAMES = {"answer_only": "the answers alone", "bag_of_words": "a bag of words"}


def verdicts(measures: Measures) -> tuple[Finding, ...]:
    """All findings, leaks first."""
    found = [
        *(finding for one in measures.baselines for finding in _baseline(one, measures)),
        *_surface(measures),
        *(_phrase(one) for one in measures.phrases),
        *_position(measures),
        *(_overlap(one) for one in measures.overlaps if one.num),
        *_shift(measures),
    ]
    return tuple(sorted(found, key=lambda one: one.verdict != "leak"))


def _solved(score: float, measures: Measures) -> Verdict:
    """Whether a trivial rule with this score on the test set has solved the task."""
    return "leak" if score > LEAK and measures.num_test >= FEW else "note"


def _baseline(one: Baseline, measures: Measures) -> Iterator[Finding]:
    num_classes = measures.num_classes
    if one.check == "majority":
        bound = MAJORITY_NOTE if num_classes == 2 else 2 / num_classes
        if one.accuracy > bound:
            yield Finding(
                check="majority",
                verdict=_solved(one.accuracy, measures),
                sentence=f"the most frequent class is {one.accuracy:.1%} of the test set",
            )
        return
    solved = one.auroc if num_classes == 2 else one.accuracy  # AUROC against the rest flatters many classes
    if one.auroc > TRAINED_NOTE:
        yield Finding(
            check=one.check,
            verdict=_solved(solved, measures),
            sentence=f"a linear model on {NAMES[one.check]} has AUROC {one.auroc:.3f} and accuracy "
            f"{one.accuracy:.1%} on the test set",
        )


def _surface(measures: Measures) -> Iterator[Finding]:
    strong = [one for one in measures.features if one.auroc > FEATURE_NOTE][:3]
    for one in strong:
        yield Finding(
            check="surface",
            verdict=_solved(one.auroc, measures),
            sentence=f"'{one.name}' tells the classes apart with AUROC {one.auroc:.3f} on the test set",
        )


def _phrase(one: Phrase) -> Finding:
    holds = one.test_purity is None or one.test_purity >= STILL_PURE
    verdict: Verdict = "leak" if one.share >= WIDE and holds else "note"
    there = "no text has it" if one.test_purity is None else f"{one.test_purity:.1%}"
    return Finding(
        check="phrases",
        verdict=verdict,
        sentence=f"{one.text[:60]!r} stands in {one.share:.1%} of the halves' texts, of which {one.purity:.1%} "
        f"have class {one.label} (test set: {there})",
    )


def _position(measures: Measures) -> Iterator[Finding]:
    first_better, num = measures.first_better, measures.num_halves + measures.num_test
    if first_better is None:
        return
    off = abs(first_better - 0.5)
    if off > max(PLACE_NOTE, PLACE_SIGMAS * 0.5 / num**0.5):
        yield Finding(
            check="position",
            verdict="leak" if 0.5 + off > LEAK else "note",
            sentence=f"the first text is the better one in {first_better:.1%} of the pairs",
        )


def _overlap(one: Overlap) -> Finding:
    leaks = one.check == "groups" or (one.check == "duplicates" and one.first == "test")
    what = {
        "groups": "have a group that is also in",
        "duplicates": "are also, but for case and spaces, in",
        "near_duplicates": "have a near-duplicate in",
    }[one.check]
    likest = max(one.twins, key=lambda twin: twin.similarity)
    return Finding(
        check=one.check,
        verdict="leak" if leaks else "note",
        sentence=f"{one.num:,} of {one.of:,} {one.first} rows {what} {one.second}, such as {likest.first} and "
        f"{likest.second}: {likest.excerpt!r}",
    )


def _shift(measures: Measures) -> Iterator[Finding]:
    shift = measures.shift
    if shift is None:
        return
    if shift.statistic > SHIFT_NOTE and shift.p_value < SHIFT_P:
        yield Finding(
            check="length_shift",
            verdict="note",
            sentence=f"test inputs have {shift.test:.0f} words (median), those of the halves {shift.halves:.0f} "
            f"(KS {shift.statistic:.2f}, p {shift.p_value:.1g})",
        )
