"""The confidence losses of released code: their warm-ups and thresholds, mistakes included."""

import numpy as np
import pytest
import torch

from w2s_ray.methods import build_method, method_spec

RNG = np.random.default_rng(5)
STUDENT_BC = torch.from_numpy(RNG.dirichlet((1, 1), 32)).float()
WEAK_BC = torch.from_numpy(RNG.dirichlet((2, 1), 32)).float()  # a third of the mass on class 1


def target(name, params=None, *, student_BC=STUDENT_BC, weak_BC=WEAK_BC, prior=0.5, progress=1.0):
    return build_method(method_spec(name, params or {})).target(
        student_BC, weak_BC, prior=prior, progress=progress
    )


def trust_at(name, progress, params=None):
    """The weight of the student's guess, seen where it is certain of the opposite of a certain label."""
    certain_BC = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    options = {"student_BC": certain_BC.flip(0), "weak_BC": certain_BC, "progress": progress}
    return target(name, params, **options)[0, 1].item()


def guess(share):
    """1 where the student's probability of class 0 is under its quantile at `share`."""
    own_B = STUDENT_BC[:, 0].double().numpy()
    return np.eye(2)[(own_B < np.quantile(own_B, share)).astype(int)]


@pytest.mark.parametrize(
    ("progress", "trust"), [(0.0, 0.0), (0.05, 0.025), (0.1, 0.05), (0.1001, 0.5), (0.5, 0.5), (1.0, 0.5)]
)
def test_openais_warm_up_creeps_to_a_tenth_of_alpha_and_then_jumps(progress, trust):
    assert trust_at("confidence-openai-repo", progress) == pytest.approx(trust)


def test_the_papers_warm_up_has_no_jump():
    near, after = (trust_at("confidence", progress, {"warmup": 0.1}) for progress in (0.1, 0.1001))
    assert near == pytest.approx(after)


@pytest.mark.parametrize(("progress", "trust"), [(0.0, 0.0), (0.04, 0.25), (0.08, 0.5), (1.0, 0.5)])
def test_eleuthers_warm_up_is_linear_over_100_of_1250_steps(progress, trust):
    assert trust_at("confidence-eleuther", progress) == pytest.approx(trust)


@pytest.mark.parametrize("name", ["confidence-openai-repo", "confidence-eleuther"])
def test_their_threshold_is_a_quantile_at_the_batchs_own_mean_label_whatever_the_prior(name):
    weak_BC = WEAK_BC.double().numpy()
    expected = 0.25 * weak_BC + 0.75 * guess(weak_BC[:, 1].mean())
    for prior in (0.1, 0.5):
        np.testing.assert_allclose(target(name, {"alpha": 0.75}, prior=prior), expected, atol=1e-6)
    assert not np.allclose(target("confidence", {"alpha": 0.75}), expected, atol=1e-3)


@pytest.mark.parametrize("name", ["confidence-openai-repo", "confidence-eleuther"])
def test_a_row_alone_is_its_own_threshold_and_is_called_0(name):
    alone_BC = torch.tensor([[0.01, 0.99]])
    assert target(name, {"alpha": 1.0}, student_BC=alone_BC, weak_BC=alone_BC).tolist() == [[1.0, 0.0]]


def test_balanced_labels_have_log_odds_of_mean_0_and_are_cut_at_the_median():
    weak_B = WEAK_BC[:, 1].double().numpy()
    odds_B = np.log(weak_B / (1 - weak_B))
    balanced_B = 1 / (1 + np.exp(odds_B.mean() - odds_B))
    balanced_BC = np.stack([1 - balanced_B, balanced_B], axis=1)
    first = target("confidence-eleuther", {"labels": "balanced"}, progress=0.0)
    np.testing.assert_allclose(first, balanced_BC, atol=1e-5)
    last = target("confidence-eleuther", {"labels": "balanced"})
    np.testing.assert_allclose(last, 0.5 * balanced_BC + 0.5 * guess(0.5), atol=1e-5)


def test_the_presets_of_one_loss_are_methods_with_parameters_of_their_own():
    """So that none overrides another's: what is written is what is meant, and what is not has one default."""
    assert method_spec("confidence", {}).params == {"alpha": 0.5, "warmup": 0.2}
    assert method_spec("confidence-openai-repo", {}).params == {"alpha": 0.5, "warmup": 0.1}
    assert method_spec("confidence-openai-repo", {"warmup": 0.2}).params["warmup"] == 0.2
