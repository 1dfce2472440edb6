"""What a thing is, as bytes: equal in every process, or refused where that cannot be promised."""

from __future__ import annotations

import enum
import math
import os
import subprocess
import sys
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from w2s_ray.core.identity import canonical, derived_seed, digest

PATIENT = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}  # machines are shared
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


def reordered(value):
    """The same value with every mapping written backwards and every list a tuple."""
    if isinstance(value, dict):
        return {key: reordered(value[key]) for key in reversed(value)}
    return tuple(map(reordered, value)) if isinstance(value, list) else value


@given(VALUES)
@settings(max_examples=150, **PATIENT)
def test_order_of_keys_and_kind_of_sequence_bear_no_identity(value):
    assert digest(reordered(value)) == digest(value)


@given(VALUES)
@settings(max_examples=100, **PATIENT)
def test_canonical_reduces_to_what_it_leaves_alone(value):
    assert canonical(canonical(value)) == canonical(value)


@given(VALUES, VALUES)
@settings(max_examples=150, **PATIENT)
def test_equal_digests_mean_equal_values(one, other):
    if digest(one) == digest(other):
        assert canonical(one) == canonical(other)


def test_every_process_agrees_whatever_its_hash_seed_locale_and_folder(tmp_path):
    value = {"ß": [1, 1.5, None, True], "a": {"z": "…", "y": -0.0}, "big": 10**30, "small": 5e-324}
    code = f"from w2s_ray.core.identity import digest; print(digest({value!r}))"
    found = set()
    for seed, locale in (("0", "C"), ("4242", "C.UTF-8")):
        environment = os.environ | {"PYTHONHASHSEED": seed, "LC_ALL": locale, "PYTHONUTF8": "1"}
        environment["PYTHONPATH"] = str(Path(__file__).parents[2])
        found.add(
            subprocess.check_output([sys.executable, "-c", code], env=environment, cwd=tmp_path, text=True)
        )
    assert found == {digest(value) + "\n"}


def test_true_and_one_and_one_point_zero_and_the_text_one_are_four_things():
    assert len({digest(value) for value in (True, 1, 1.0, "1", [1], {"1": 1}, None, "")}) == 8


def test_numbers_that_are_equal_in_every_computation_are_one():
    assert digest(-0.0) == digest(0.0)
    assert digest(1e-5) == digest(0.00001)
    assert digest(0.1 + 0.2) != digest(0.3)


class Colour(enum.StrEnum):
    RED = "red"


class OldColour(str, enum.Enum):  # noqa: UP042  (its str() is not its value)
    RED = "red"


class Loud(str):
    def __str__(self):
        return "LOUD"


class Big(int):
    def __repr__(self):
        return "big"


def test_an_enumeration_or_a_subclass_is_its_value():
    for red in (Colour.RED, OldColour.RED):
        assert digest({red: red}) == digest({"red": "red"})
    assert digest([Loud("x"), Big(3)]) == digest(["x", 3])


@pytest.mark.parametrize(
    "value",
    [
        {1, 2}, frozenset("a"), b"x", bytearray(b"x"), math.nan, math.inf, -math.inf, object(), int, len,
        Path("x"), Decimal(1), 1j, np.int64(1), np.float32(1), np.bool_(True), np.zeros(2), {1: 2}, {None: 1},
        "\ud800", {"\ud800": 1}, [[{"deep": {3}}]], (x for x in "ab"), range(3), Colour,
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_what_another_process_might_encode_otherwise_is_refused(value):
    with pytest.raises(TypeError, match=r"identity"):
        digest(value)


@dataclass(frozen=True)
class Before:
    lr: float = 0.1


@dataclass(frozen=True)
class After:
    lr: float = 0.1
    decay: float = field(default=0.0, metadata={"neutral": 0.0})
    frozen: bool = field(default=True, metadata={"neutral": True})
    names: tuple[str, ...] = field(default=(), metadata={"neutral": ()})


def test_a_field_added_later_leaves_older_identities_alone_while_it_is_neutral():
    assert digest(After()) == digest(Before()) == digest({"lr": 0.1})
    assert digest(After(decay=0.1)) != digest(Before())
    assert canonical(After(decay=0.1)) == {"lr": 0.1, "decay": 0.1}


def test_neutral_means_the_very_value_and_not_one_that_compares_equal():
    assert digest(After(frozen=1)) != digest(After(frozen=True))
    assert digest(After(decay=False)) != digest(After(decay=0.0))
    assert digest(After(names=[])) == digest(After())


def test_seeds_for_two_purposes_or_of_two_runs_differ_and_fit_31_bits():
    seeds = [derived_seed(seed, purpose) for seed in range(50) for purpose in ("order", "head", "dropout")]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert derived_seed(0, "order") == 386426065
