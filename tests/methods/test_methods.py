"""The two methods against their equations, and how parameters are checked."""

import dataclasses
import subprocess
import sys

import pytest
import torch

from w2s_ray.core.errors import ConfigError
from w2s_ray.methods import build_method, method_spec
from w2s_ray.methods.base import METHODS, parameter, register_method
from w2s_ray.methods.confidence import harden

WEAK_BC = torch.tensor([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.55, 0.45]])
STUDENT_BC = torch.tensor([[0.3, 0.7], [0.6, 0.4], [0.1, 0.9], [0.8, 0.2]])


def target(name, params=None, *, student_BC=STUDENT_BC, weak_BC=WEAK_BC, prior=0.5, progress=1.0):
    return build_method(method_spec(name, params or {})).target(
        student_BC, weak_BC, prior=prior, progress=progress
    )


def test_naive_learns_the_weak_probabilities_or_their_arg_max():
    assert torch.equal(target("naive"), WEAK_BC)
    hard_BC = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
    assert torch.equal(target("naive", {"labels": "hard"}), hard_BC)


def test_confidence_mixes_the_weak_label_with_the_hardened_guess():
    guess_BC = torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])  # the two highest of four
    torch.testing.assert_close(target("confidence", {"alpha": 0.75}), 0.25 * WEAK_BC + 0.75 * guess_BC)


@pytest.mark.parametrize("progress", [0.0, 0.05, 0.1, 0.15, 0.2, 0.6, 1.0])
def test_the_trust_grows_linearly_over_the_share_of_warm_up_and_then_stays(progress):
    """Some code forgets to divide by the share, and jumps from 0.2 alpha to alpha."""
    certain_BC = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    wrong_BC = certain_BC.flip(0)
    trusted = target("confidence", {"alpha": 0.5}, student_BC=wrong_BC, weak_BC=certain_BC, progress=progress)
    torch.testing.assert_close(trusted[0, 1].item(), 0.5 * min(1.0, progress / 0.2))


def test_without_warm_up_the_trust_is_whole_from_the_first_step():
    whole = target("confidence", {"alpha": 0.5, "warmup": 0.0}, progress=0.0)
    assert torch.equal(whole, target("confidence", {"alpha": 0.5}, progress=1.0))


@pytest.mark.parametrize("prior", [0.5, 0.25, 0.3, 0.9])
def test_exactly_the_priors_share_is_positive_even_where_all_rows_tie(prior):
    tied_BC = torch.full((20, 2), 0.5)
    assert harden(tied_BC, prior)[:, 1].sum() == round(prior * 20)
    spread_B = torch.linspace(0.01, 0.2, 20)  # a student that calls everything negative
    spread_BC = torch.stack([1 - spread_B, spread_B], dim=1)
    positive_B = harden(spread_BC, prior)[:, 1]
    assert positive_B.sum() == round(prior * 20) and positive_B[-1] == 1 and positive_B[0] == 0


def test_ties_go_to_the_earlier_row():
    assert harden(torch.full((4, 2), 0.5), 0.5)[:, 1].tolist() == [1, 1, 0, 0]


def test_with_more_classes_the_guess_is_the_arg_max_whatever_the_prior():
    student_BC = torch.tensor([[0.2, 0.5, 0.3], [0.6, 0.3, 0.1], [0.1, 0.1, 0.8]])
    assert harden(student_BC, 0.1).argmax(-1).tolist() == [1, 0, 2]


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("naive", {"labels": "firm"}, "labels = 'firm': expected one of soft, hard"),
        ("naive", {"label": "soft"}, "did you mean 'labels'"),
        ("confidence", {"alpha": 1.5}, "alpha = 1.5: expected 0 … 1"),
        ("confidence", {"alpha": float("nan")}, "alpha = nan: expected 0 … 1"),
        ("confidence", {"alpha": "0.5"}, "alpha = '0.5': expected float"),
        ("confidence", {"alpha": True}, "alpha = True: expected float"),
        ("confidense", {}, "did you mean 'confidence'"),
    ],
)
def test_a_wrong_parameter_is_named_with_its_value_and_what_was_expected(name, params, message):
    with pytest.raises(ConfigError, match=message):
        method_spec(name, params)


def test_an_integer_is_taken_for_a_float_so_that_one_alpha_has_one_identity():
    assert method_spec("confidence", {"alpha": 1}) == method_spec("confidence", {"alpha": 1.0})
    assert isinstance(method_spec("confidence", {"alpha": 1}).params["alpha"], float)


def test_defaults_are_filled_in_so_that_writing_them_changes_no_identity():
    assert method_spec("confidence", {"alpha": 0.5, "warmup": 0.2}) == method_spec("confidence", {})


def test_a_new_method_is_a_frozen_class_with_declared_parameters(monkeypatch):
    list(METHODS)  # found before they are copied
    monkeypatch.setattr(METHODS, "_entries", dict(METHODS._entries))

    @register_method("steps", version=3, kinds={"binary"})
    class Steps:
        count: int = parameter(2, ge=1)

        def target(self, student_BC, weak_BC, *, prior, progress):
            return weak_BC

    assert (
        method_spec("steps", {}).version == 3 and build_method(method_spec("steps", {"count": 4})).count == 4
    )
    with pytest.raises(ConfigError, match="count = 0: expected at least 1"):
        method_spec("steps", {"count": 0})
    with pytest.raises(dataclasses.FrozenInstanceError):
        Steps().count = 7
    with pytest.raises(ValueError, match="registered twice"):
        register_method("steps", version=1, kinds={"binary"})(type("Other", (), {}))
    with pytest.raises(ValueError, match="unknown kinds"):
        register_method("other", version=1, kinds={"audio"})


def test_declarations_import_no_torch():
    code = (
        "import sys; from w2s_ray.methods import method_spec; method_spec('confidence', {}); "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
