"""What strategies make of labels, as closed forms: which rows are kept, and which labels they have then."""

import numpy as np
import pytest

from w2s_ray.core.errors import DataError
from w2s_ray.methods import METHODS, build_method, method_spec
from w2s_ray.methods.ensemble import EPS, boosting_weights
from w2s_ray.methods.plan import Given
from w2s_ray.methods.simulated_errors import STRUCTURES


def given(*p_SNC, truth=None, parts="transfer", lengths=None, seed=0):
    """Labels of one part, or of a part for each row; the truth is the first source's answer unless told."""
    p = np.array(p_SNC, np.float32)
    num_rows = p.shape[1]
    return Given(
        p_SNC=p,
        parts_N=np.array([parts] * num_rows if isinstance(parts, str) else parts),
        truth_N=p[0].argmax(-1) if truth is None else np.array(truth),
        lengths_N=np.zeros(num_rows, np.int64) if lengths is None else np.array(lengths),
        seed=seed,
    )


def made(name, labels, **params):
    return build_method(method_spec(name, params)).relabel(labels)


def binary(*p):
    """Labels by the probability of class 1."""
    return [[1 - x, x] for x in p]


def certain(*classes, num=2):
    return np.eye(num)[list(classes)].tolist()


SPREAD = binary(0.1, 0.3, 0.45, 0.6, 0.8, 0.95)  # three of each class; sure: .9 .7 .55 .6 .8 .95


def kept(labels, **params):
    return np.flatnonzero(made("filter", labels, **params).kept_N).tolist()


@pytest.mark.parametrize("name", [name for name in METHODS if hasattr(METHODS[name], "relabel")])
def test_new_labels_are_distributions_and_every_row_has_an_answer_whether_it_is_kept(name):
    labels = given(SPREAD, SPREAD, truth=[0, 1, 0, 1, 0, 1], parts=["select"] * 3 + ["transfer"] * 3)
    found = made(name, labels)
    assert found.p_NC.shape == (6, 2) and found.p_NC.dtype == np.float32 and found.kept_N.dtype == bool
    np.testing.assert_allclose(found.p_NC.sum(-1), 1, atol=1e-6)
    assert found.kept_N[:3].all()  # a student that loses validation rows could not be selected


def test_a_filter_keeps_the_surest_share_of_each_class():
    assert kept(given(SPREAD)) == [0, 1, 2, 3, 4, 5]
    assert kept(given(SPREAD), share=2 / 3) == [0, 1, 4, 5]
    assert kept(given(SPREAD), share=0.01) == [0, 5]  # one row of a class at least
    np.testing.assert_array_equal(made("filter", given(SPREAD), share=0.1).p_NC, np.array(SPREAD, np.float32))


def test_a_filter_keeps_what_is_sure_enough_the_threshold_included():
    assert kept(given(binary(0.5, 0.75, 0.875)), threshold=0.75) == [1, 2]
    assert kept(given(SPREAD), threshold=0.99) == []
    assert kept(given(SPREAD), threshold=0.65, share=2 / 3) == [0, 1, 4, 5]
    assert kept(given(SPREAD), threshold=0.85, share=2 / 3) == [0, 5]


def test_of_equally_sure_labels_a_filter_keeps_the_earlier_and_classes_do_not_compete():
    assert kept(given(binary(0.75, 0.75, 0.75, 0.75, 0.4, 0.4)), share=0.5) == [0, 1, 4]
    three = [[0.4, 0.3, 0.3], [0.5, 0.3, 0.2], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8], [0.2, 0.2, 0.6]]
    assert kept(given(three), share=0.5) == [1, 2, 3]


def test_a_filter_counts_its_share_in_each_part_and_leaves_validation_whole():
    labels = given(SPREAD[:3] * 2 + SPREAD[:2], parts=["transfer"] * 3 + ["fresh1"] * 3 + ["select", "test"])
    assert kept(labels, share=0.34, threshold=0.6) == [0, 3, 6, 7]


def test_hardening_takes_the_likeliest_class_and_the_earlier_of_a_tie():
    assert made("harden", given(binary(0.4, 0.5, 0.6))).p_NC.tolist() == certain(0, 0, 1)
    assert made("harden", given([[0.3, 0.3, 0.4], [0.4, 0.4, 0.2]])).p_NC.tolist() == certain(2, 0, num=3)


def test_an_ensemble_is_the_mean_of_its_sources():
    found = made("ensemble", given(binary(0.2, 0.9), binary(0.6, 0.7), binary(0.4, 0.5)))
    np.testing.assert_allclose(found.p_NC, binary(0.4, 0.7), atol=1e-6)
    assert found.kept_N.all()


def wrong(number, of, num_classes=2):
    """Certain labels of which the first `number` are not class 0."""
    return certain(*[1] * number, *[0] * (of - number), num=num_classes)


@pytest.mark.parametrize("num_classes", [2, 4])
def test_boosting_weighs_by_the_log_odds_of_an_error_and_the_number_of_classes(num_classes):
    sources = [wrong(1, 10, num_classes), wrong(4, 10, num_classes)]
    found = boosting_weights(given(*sources, truth=[0] * 10, parts="select"))
    assert found == pytest.approx(np.log([0.9 / 0.1, 0.6 / 0.4]) + np.log(num_classes - 1))


def test_a_source_no_better_than_chance_weighs_nothing_and_a_faultless_one_finitely():
    sources = [wrong(5, 10), wrong(9, 10), wrong(0, 10)]
    found = boosting_weights(given(*sources, truth=[0] * 10, parts="select"))
    assert found == pytest.approx([0, 0, np.log((1 - EPS) / EPS)])


def test_boosting_looks_at_the_truth_of_select_rows_alone():
    parts = ["select"] * 4 + ["transfer"] * 4
    sources = [wrong(1, 4) + wrong(4, 4), wrong(2, 4) + wrong(0, 4)]
    labels = given(*sources, truth=[0] * 8, parts=parts)
    assert boosting_weights(labels) == pytest.approx([np.log(3), 0])
    assert made("ensemble", labels, weights="boosted").p_NC.tolist() == sources[0]


def test_where_no_source_beats_chance_all_weigh_alike_and_without_rows_boosting_is_refused():
    labels = given(wrong(2, 2), wrong(1, 2), truth=[0, 0], parts="select")
    np.testing.assert_allclose(made("ensemble", labels, weights="boosted").p_NC, binary(1, 0.5))
    with pytest.raises(DataError, match="the task has none"):
        made("ensemble", given(wrong(1, 2)), weights="boosted")


TRUTH = [0, 1] * 50
WEAK = binary(*(0.3 if y == 0 or row < 40 else 0.8 for row, y in enumerate(TRUTH)))  # wrong in 20 of 100
STRONG = binary(*np.linspace(0.01, 0.99, 100))
LENGTHS = [(37 * row) % 100 for row in range(100)]


def mistakes(structure, *, rate=0.0, seed=0, **more):
    """Rows that are wrong after simulation."""
    more = {"truth": TRUTH, "lengths": LENGTHS} | more
    labels = given(WEAK, STRONG, seed=seed, **more)
    found = made("simulated-errors", labels, structure=structure, rate=rate)
    assert set(np.unique(found.p_NC)) <= {0, 1} and found.kept_N.all()
    return np.flatnonzero(found.p_NC.argmax(-1) != labels.truth_N).tolist()


def test_the_supervisors_own_mistakes_are_its_hard_labels():
    assert mistakes("supervisor") == [row for row in range(40) if TRUTH[row] == 1]


@pytest.mark.parametrize("structure", [each for each in STRUCTURES if each != "supervisor"])
def test_every_other_structure_has_exactly_the_rate_that_is_asked_for_or_the_supervisors(structure):
    assert len(mistakes(structure)) == 20
    for rate in (0.01, 0.07, 0.5, 1.0):
        assert len(mistakes(structure, rate=rate)) == round(100 * rate)


def test_errors_are_where_their_structure_says():
    by_length = sorted(range(100), key=lambda row: LENGTHS[row])
    assert mistakes("shortest") == sorted(by_length[:20])
    assert mistakes("longest") == sorted(by_length[-20:])
    assert mistakes("unsure", rate=0.1) == list(range(45, 55))
    p_right = [p[y] for p, y in zip(STRONG, TRUTH, strict=True)]
    assert mistakes("sure", rate=0.1) == sorted(np.argsort(p_right)[-10:].tolist())


def test_a_strong_models_sure_mistake_is_no_row_where_it_is_surely_right():
    labels = given(binary(0.5, 0.5, 0.5), binary(0.99, 0.01, 0.4), truth=[0, 1, 0])
    found = made("simulated-errors", labels, structure="sure", rate=1 / 3).p_NC.argmax(-1)
    assert found.tolist() == [0, 1, 1]  # .01 and .01 on the right class against .6


def test_ties_go_to_the_earlier_row():
    assert mistakes("longest", rate=0.05, lengths=[7] * 100) == [0, 1, 2, 3, 4]


def test_random_errors_are_drawn_by_the_seed_and_by_nothing_else():
    assert mistakes("random") == mistakes("random") != mistakes("random", seed=1)
    assert mistakes("random", lengths=[1] * 100) == mistakes("random")


def test_the_rate_is_matched_part_by_part():
    parts = ["select"] * 50 + [
        "transfer"
    ] * 50  # the supervisor is wrong in 20 of the first, in none of the others
    for structure in ("random", "longest", "unsure"):
        found = mistakes(structure, parts=parts)
        assert len(found) == 20 and max(found) < 50
        assert sum(row >= 50 for row in mistakes(structure, parts=parts, rate=0.1)) == 5


def test_a_wrong_label_is_any_of_the_other_classes_alike():
    truth = np.arange(4).repeat(300)
    labels = given(certain(*truth, num=4), truth=truth)
    found = made("simulated-errors", labels, rate=1.0).p_NC.argmax(-1)
    counts = np.histogram2d(truth, found, bins=4)[0]
    assert (np.diag(counts) == 0).all()
    assert (np.abs(counts[~np.eye(4, dtype=bool)] - 100) < 5 * np.sqrt(300 * 1 / 3 * 2 / 3)).all()
