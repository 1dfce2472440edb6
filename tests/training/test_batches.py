"""Which rows meet in a step, how a step is cut, how rows are padded."""

import time

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from w2s_ray.training.batches import Tokens, global_batches, micro_batches

CPU = torch.device("cpu")


def tokens_of(*lengths):
    return Tokens(texts=[[list(range(1, length + 1))] for length in lengths], pad_id=0)


def test_padding_is_on_the_right_and_masked_by_length_never_by_id():
    """Token 0 is a real token ("!" in GPT-2), and the pad id too."""
    tokens = Tokens(texts=[[[0, 7, 0]], [[9]]], pad_id=0)
    ids_RT, mask_RT = tokens.tensors([1, 0], CPU)
    assert ids_RT.tolist() == [[9, 0, 0], [0, 7, 0]]
    assert mask_RT.tolist() == [[1, 0, 0], [1, 1, 1]]
    assert ids_RT.dtype == mask_RT.dtype == torch.long


def test_the_two_texts_of_a_pair_are_neighbours():
    tokens = Tokens(texts=[[[1, 2], [3]], [[4], [5, 6, 7]]], pad_id=9)
    assert tokens.tensors([1, 0], CPU)[0].tolist() == [[4, 9, 9], [5, 6, 7], [1, 2, 9], [3, 9, 9]]
    assert tokens.lengths.tolist() == [2, 3]
    assert tokens.take([1]).tensors([0], CPU)[0].tolist() == [[4, 9, 9], [5, 6, 7]]


def test_twenty_thousand_rows_pad_in_under_a_second():
    tokens = tokens_of(*[20 + row % 40 for row in range(20_000)])
    tokens.tensors([0], CPU)
    started = time.process_time()
    for start in range(0, 20_000, 32):
        tokens.tensors(range(start, start + 32), CPU)
    assert time.process_time() - started < 5


def test_each_epoch_is_a_permutation_of_its_own_and_the_seed_decides():
    batches = global_batches(10, batch=4, epochs=2, seed=0, drop_last=False)
    assert [len(batch) for batch in batches] == [4, 4, 2] * 2
    first, second = np.concatenate(batches[:3]), np.concatenate(batches[3:])
    assert sorted(first) == sorted(second) == list(range(10)) and list(first) != list(second)
    again = global_batches(10, batch=4, epochs=2, seed=0, drop_last=False)
    assert all(np.array_equal(a, b) for a, b in zip(batches, again, strict=True))
    other = global_batches(10, batch=4, epochs=2, seed=1, drop_last=False)
    assert list(np.concatenate(other[:3])) != list(first)


def test_the_last_partial_batch_is_dropped_only_where_the_recipe_says_so():
    assert [len(b) for b in global_batches(10, batch=4, epochs=1, seed=0, drop_last=True)] == [4, 4]
    assert [len(b) for b in global_batches(3, batch=4, epochs=1, seed=0, drop_last=True)] == [3]


@given(
    lengths=st.lists(st.integers(1, 30), min_size=1, max_size=40),
    world_size=st.integers(1, 5),
    budget=st.integers(1, 200),
)
def test_micro_batches_share_the_batch_within_the_budget_and_equal_in_number(lengths, world_size, budget):
    tokens, batch = tokens_of(*lengths), np.arange(len(lengths))[::-1]
    shares = micro_batches(tokens, batch, world_size=world_size, budget=budget)
    assert len(shares) == world_size and len({len(micros) for micros in shares}) == 1
    positions = [position for micros in shares for micro in micros for position in micro]
    assert sorted(positions) == list(range(len(lengths)))
    for micro in (micro for micros in shares for micro in micros if len(micro)):
        rows = [lengths[batch[position]] for position in micro]
        assert len(rows) == 1 or len(rows) * max(rows) <= budget
        assert rows == sorted(rows)


@pytest.mark.parametrize("world_size", [1, 2, 3])
def test_workers_take_their_shares_in_order(world_size):
    shares = micro_batches(tokens_of(*[5] * 6), np.arange(6), world_size=world_size, budget=1000)
    assert [position for micros in shares for micro in micros for position in micro] == list(range(6))
