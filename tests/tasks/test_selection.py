"""The rules of splitting, as properties of pure functions."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from w2s_ray.tasks.base import Example
from w2s_ray.tasks.selection import (
    balance_candidates,
    choose,
    distinct,
    item_of,
    linked_groups,
    quota,
    regroup,
    usable,
)


def item(text, label=0, group="", question=""):
    return item_of(Example(("",), (text,), label, group or text, question))


def pair(first, second, label):
    return item_of(Example(("", ""), (first, second), label, first))


groups = st.sampled_from("gh") | st.text("xyz", max_size=2)
items = st.lists(
    st.builds(item, st.text("abc", min_size=1, max_size=4), st.integers(0, 1), groups),
    unique_by=lambda one: one.id,
    max_size=60,
)


def test_identical_inputs_are_one_example():
    pool = distinct([item("a"), item("b"), item("a")])
    assert sorted(one.example.text[0] for one in pool.items) == ["a", "b"]
    assert pool.dropped == {"duplicate": 1}


def test_an_input_is_the_context_and_the_text_wherever_they_are_divided():
    whole, divided = item("ab"), item_of(Example(("a",), ("b",), 0, "g"))
    assert len(distinct([whole, divided]).items) == 1


def test_conflicting_labels_are_dropped_with_all_copies():
    pool = distinct([item("a", 0), item("b", 0), item("a", 1), item("a", 0)])
    assert [one.example.text[0] for one in pool.items] == ["b"]
    assert pool.dropped == {"duplicate": 2, "conflicting label": 1}


def test_a_pair_in_either_order_is_one_example_and_its_reversal_with_the_same_label_a_conflict():
    assert len(distinct([pair("a", "b", 1), pair("b", "a", 0)]).items) == 1
    assert distinct([pair("a", "b", 1), pair("b", "a", 1)]).items == []
    assert distinct([pair("a", "a", 1)]).dropped == {"identical texts": 1}


def test_a_question_keeps_as_many_right_as_wrong_candidates():
    sizes = [(4, 1), (4, 3), (3, 0), (2, 2)]  # candidates of each question, and how many are right
    candidates = [
        item(f"q{q} {n}", int(n < right), question=f"q{q}")
        for q, (num, right) in enumerate(sizes)
        for n in range(num)
    ]
    kept = balance_candidates(distinct([*candidates, item("alone", 1)])).items
    counts = Counter((one.example.question, one.label) for one in kept)
    assert counts == {("q0", 0): 1, ("q0", 1): 1, ("q1", 0): 1, ("q1", 1): 1, ("", 1): 1}


def test_groups_that_share_an_input_or_a_question_are_one():
    by_input = [item("a", group="g"), item("a", group="h"), item("b", group="i")]
    by_question = [item("c", group="j", question="q"), item("d", group="k", question="q")]
    names = linked_groups([*by_input, *by_question])
    assert names["g"] == names["h"] != names["i"]
    assert names["j"] == names["k"] != names["i"]
    assert len(set(names.values())) == 3


@pytest.mark.parametrize(
    ("counts", "left"),
    [
        ({0: 55, 1: 45}, {0: 55, 1: 45}),
        ({0: 56, 1: 44}, {0: 44, 1: 44}),
        ({0: 80, 1: 15, 2: 5}, {0: 15, 1: 15, 2: 5}),
        ({0: 20, 1: 10, 2: 10}, {0: 20, 1: 10, 2: 10}),
        ({0: 7}, {0: 7}),
        ({}, {}),
    ],
)
def test_only_a_class_over_55_percent_is_cut(counts, left):
    assert usable(counts) == left


@given(st.dictionaries(st.integers(0, 8), st.integers(1, 1000), min_size=1), st.integers(0, 500))
def test_a_quota_adds_up_and_is_proportional(counts, num):
    shares, total = quota(counts, num), sum(counts.values())
    assert shares.total() == num
    assert all(abs(shares[label] - num * count / total) < 1 for label, count in counts.items())


@settings(max_examples=60, deadline=None)
@given(items, st.integers(0, 20), st.randoms(use_true_random=False))
def test_choosing_divides_no_group_ignores_order_and_keeps_balance(found, size, random):
    pool = regroup(distinct(found), linked_groups(found))
    sizes = {"weak": size, "transfer": size}
    chosen = choose(pool.items, sizes, "salt")
    shuffled = list(pool.items)
    random.shuffle(shuffled)
    again = choose(shuffled, sizes, "salt")
    assert {part: {one.id for one in kept} for part, kept in chosen.items()} == {
        part: {one.id for one in kept} for part, kept in again.items()
    }
    groups = [{one.example.group for one in kept} for kept in chosen.values()]
    assert not groups[0] & groups[1]
    for kept in chosen.values():
        assert len(kept) <= size
        assert len({one.id for one in kept}) == len(kept)
        wanted = quota(usable(pool.counts), min(size, usable(pool.counts).total()))
        assert all(num <= wanted[label] for label, num in Counter(one.label for one in kept).items())


def test_equal_groups_fill_both_halves_exactly():
    found = [item(f"{n}", n % 2, group=f"g{n // 4}") for n in range(400)]
    chosen = choose(found, {"weak": 200, "transfer": 200}, "halves 0")
    assert [Counter(one.label for one in kept) for kept in chosen.values()] == [{0: 100, 1: 100}] * 2


def test_one_giant_group_stays_whole_and_overfills_no_half():
    found = [item(f"{n}", n % 2, group="giant" if n < 300 else f"g{n}") for n in range(400)]
    chosen = choose(found, {"weak": 200, "transfer": 200}, "halves 0")
    assert max(len(kept) for kept in chosen.values()) == 200
    assert sum(any(one.example.group == "giant" for one in kept) for kept in chosen.values()) == 1
