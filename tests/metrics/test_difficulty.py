"""Difficulty by the smallest supervisor that is right."""

import numpy as np
import pytest

from w2s_ray.metrics.difficulty import accuracy_by_level, difficulty, levels

SMALL = np.array([[1, 0, 0, 1], [1, 0, 0, 0]], bool)  # two seeds, four items
LARGE = np.array([[1, 1, 0, 0], [0, 1, 0, 1]], bool)


def test_an_item_is_as_hard_as_the_smallest_supervisor_that_has_it_right_on_average():
    found = difficulty(np.stack([SMALL, LARGE]))
    assert found.tolist() == [0, 1, 2, 0.5]
    assert levels(found).tolist() == [0, 1, 2, 1]


def test_a_smaller_one_that_is_right_counts_even_where_a_larger_one_is_wrong():
    assert difficulty(np.array([[[True]], [[False]]])).tolist() == [0]


def test_accuracy_by_level_is_over_items_and_seeds_and_empty_levels_are_left_out():
    right = np.array([[1, 1, 0, 1], [1, 0, 0, 1]], bool)
    found = accuracy_by_level(right, np.array([0, 2, 2, 0]))
    assert [(each.level, each.num_items) for each in found] == [(0, 2), (2, 2)]
    assert [each.accuracy for each in found] == pytest.approx([1.0, 0.25])


def test_with_one_supervisor_and_seed_its_accuracy_is_one_where_it_is_right_and_zero_elsewhere():
    right = np.array([[[1, 0, 1]]], bool)
    found = accuracy_by_level(right[0], levels(difficulty(right)))
    assert [each.accuracy for each in found] == [1.0, 0.0]
