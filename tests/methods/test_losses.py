"""Each loss against its equation, computed a second time with numpy in double precision."""

import numpy as np
import pytest
import torch

from w2s_ray.methods import build_method, method_spec

LOGITS_BC = torch.tensor([[1.5, -0.5], [0.2, 0.1], [-2.0, 1.0], [0.0, 3.0], [4.0, -4.0]])
WEAK_BC = torch.tensor([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.55, 0.45], [0.3, 0.7]])
LOGITS_BK = torch.tensor([[1.0, 0.0, -1.0], [0.3, 0.2, 0.1], [-2.0, 2.5, 0.0], [0.0, 0.0, 5.0]])
WEAK_BK = torch.tensor([[0.2, 0.5, 0.3], [0.1, 0.1, 0.8], [0.05, 0.9, 0.05], [0.6, 0.2, 0.2]])
BATCHES = pytest.mark.parametrize(("logits_BC", "weak_BC"), [(LOGITS_BC, WEAK_BC), (LOGITS_BK, WEAK_BK)])


def row_losses(name, params, logits_BC, weak_BC, *, progress=1.0):
    method = build_method(method_spec(name, params))
    goal_BC = method.target(logits_BC.softmax(-1), weak_BC, prior=0.5, progress=progress)
    return method.row_loss(logits_BC, goal_BC).double().numpy()


def gradient(name, params, logits_BC, weak_BC, *, progress=1.0):
    method, logits_BC = build_method(method_spec(name, params)), logits_BC.clone().requires_grad_()
    goal_BC = method.target(logits_BC.detach().softmax(-1), weak_BC, prior=0.5, progress=progress)
    return torch.autograd.grad(method.row_loss(logits_BC, goal_BC).sum(), logits_BC)[0].double().numpy()


def probabilities(logits_BC, weak_BC):
    """f and w in double precision."""
    raw_BC = np.exp(logits_BC.double().numpy())
    return raw_BC / raw_BC.sum(-1, keepdims=True), weak_BC.double().numpy()


def cross(goal_BC, f_BC):
    return -(goal_BC * np.log(f_BC)).sum(-1)


def hot(index_B, num_classes):
    return np.eye(num_classes)[index_B]


@BATCHES
@pytest.mark.parametrize(("a", "b"), [(1.0, 1.0), (0.5, 2.0), (1.0, 0.0)])
def test_product_learns_the_normalised_product_of_both_beliefs(logits_BC, weak_BC, a, b):
    f_BC, w_BC = probabilities(logits_BC, weak_BC)
    product_BC = f_BC**b * w_BC**a
    expected = cross(product_BC / product_BC.sum(-1, keepdims=True), f_BC)
    found = row_losses("product", {"weak_power": a, "student_power": b}, logits_BC, weak_BC)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


def test_beliefs_that_exclude_each_other_cancel_in_a_product():
    certain_BC = torch.tensor([[1.0, 0.0]])
    goal_BC = build_method(method_spec("product", {})).target(
        certain_BC, certain_BC.flip(1), prior=0.5, progress=1.0
    )
    assert goal_BC.tolist() == [[0.5, 0.5]]


@BATCHES
@pytest.mark.parametrize("progress", [0.0, 0.05, 0.2, 1.0])
def test_entropy_adds_the_students_own_entropy(logits_BC, weak_BC, progress):
    f_BC, w_BC = probabilities(logits_BC, weak_BC)
    a = 0.75 * min(1.0, progress / 0.2)
    expected = (1 - a) * cross(w_BC, f_BC) + a * cross(f_BC, f_BC)
    found = row_losses("entropy", {"alpha": 0.75}, logits_BC, weak_BC, progress=progress)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_with_two_classes_the_terms_are_those_of_the_paper():
    f_BC, w_BC = probabilities(LOGITS_BC, WEAK_BC)
    p, learned = f_BC[:, 1], cross(w_BC, f_BC)
    entropy = -(p * np.log(p) + (1 - p) * np.log(1 - p))
    for form, term in (("log", entropy), ("quadratic", -((p - 0.5) ** 2))):
        found = row_losses("entropy", {"form": form}, LOGITS_BC, WEAK_BC)
        np.testing.assert_allclose(found, 0.5 * learned + 0.5 * term, rtol=1e-5)


def test_a_quadratic_term_of_more_classes_is_half_the_squared_distance_from_uniform():
    f_BC, _ = probabilities(LOGITS_BK, WEAK_BK)
    found = row_losses("entropy", {"form": "quadratic", "alpha": 1.0}, LOGITS_BK, WEAK_BK)
    np.testing.assert_allclose(found, -((f_BC - 1 / 3) ** 2).sum(-1) / 2, rtol=1e-5)


@pytest.mark.parametrize("form", ["log", "quadratic"])
def test_the_term_alone_makes_a_student_surer_of_what_it_thinks(form):
    logits_BC = torch.tensor([[0.5, -0.5], [-1.0, 1.0]])
    pull_BC = -gradient("entropy", {"form": form, "alpha": 1.0}, logits_BC, WEAK_BC[:2])
    assert (np.sign(pull_BC) == np.sign(logits_BC.numpy())).all()


def test_the_gradient_of_an_entropy_goes_through_the_student():
    """dH/dz_c = -f_c (log f_c + H), which a stopped gradient would not give."""
    f_BC, _ = probabilities(LOGITS_BK, WEAK_BK)
    expected = -f_BC * (np.log(f_BC) + cross(f_BC, f_BC)[:, None])
    np.testing.assert_allclose(gradient("entropy", {"alpha": 1.0}, LOGITS_BK, WEAK_BK), expected, atol=1e-6)


@BATCHES
@pytest.mark.parametrize("progress", [0.0, 0.04, 0.08, 1.0])
def test_log_entropy_has_naives_gradient_times_the_trust_in_the_label(logits_BC, weak_BC, progress):
    f_BC, w_BC = probabilities(logits_BC, weak_BC)
    a = 0.6 * min(1.0, progress / 0.08)
    options = {"progress": progress}
    found = row_losses("log-entropy", {"alpha": 0.6}, logits_BC, weak_BC, **options)
    np.testing.assert_allclose(found, cross((1 - a) * w_BC + a * f_BC, f_BC), rtol=1e-5)
    pull_BC = gradient("log-entropy", {"alpha": 0.6}, logits_BC, weak_BC, **options)
    np.testing.assert_allclose(pull_BC, (1 - a) * (f_BC - w_BC), atol=1e-6)


@BATCHES
@pytest.mark.parametrize("radius", [0.0, 0.15, 0.3, 0.49])
def test_a_window_leaves_sure_rows_alone_and_keeps_them_in_the_mean(logits_BC, weak_BC, radius):
    f_BC, w_BC = probabilities(logits_BC, weak_BC)
    expected = np.where(f_BC.max(-1) < 0.5 + radius, cross(w_BC, f_BC), 0.0)
    found = row_losses("window", {"radius": radius}, logits_BC, weak_BC)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert not gradient("window", {"radius": radius}, logits_BC, weak_BC)[found == 0].any()


@BATCHES
@pytest.mark.parametrize("t", [0.25, 0.5, 4.0])
def test_adaptive_confidence_is_the_mixture_of_kl_and_own_guess_but_for_a_constant(logits_BC, weak_BC, t):
    f_BC, w_BC = probabilities(logits_BC, weak_BC)
    own_BC, named_BC = hot(f_BC.argmax(-1), f_BC.shape[1]), hot(w_BC.argmax(-1), f_BC.shape[1])
    own, named = np.exp(cross(own_BC, f_BC) / t), np.exp(cross(named_BC, f_BC) / t)
    a = own / (own + named)
    kl = (w_BC * np.log(w_BC / f_BC)).sum(-1)
    stated = (1 - a) * kl + a * cross(own_BC, f_BC)
    constant = (1 - a) * cross(w_BC, w_BC)
    found = row_losses("adaptive-confidence", {"temperature": t}, logits_BC, weak_BC)
    np.testing.assert_allclose(found, stated + constant, rtol=1e-5)
    pull_BC = gradient("adaptive-confidence", {"temperature": t}, logits_BC, weak_BC)
    expected = (1 - a)[:, None] * (f_BC - w_BC) + a[:, None] * (f_BC - own_BC)
    np.testing.assert_allclose(pull_BC, expected, atol=1e-6)


def test_adaptive_confidence_halves_where_both_agree_and_never_trusts_itself_more():
    method = build_method(method_spec("adaptive-confidence", {"temperature": 0.5}))
    student_BC = torch.tensor([[0.9, 0.1], [0.9, 0.1], [0.52, 0.48]])
    weak_BC = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    goal_BC = method.target(student_BC, weak_BC, prior=0.5, progress=0.0)
    trust_B = goal_BC[1:, 0]  # what is not the certain label is the student's guess
    assert goal_BC[0].tolist() == [1.0, 0.0] and 0 < trust_B[0] < trust_B[1] < 0.5


@BATCHES
def test_reverse_kl_and_reverse_cross_entropy_weigh_by_the_student(logits_BC, weak_BC):
    f_BC, w_BC = probabilities(logits_BC, weak_BC)
    kl = (f_BC * np.log(f_BC / w_BC)).sum(-1)
    np.testing.assert_allclose(row_losses("reverse", {}, logits_BC, weak_BC), kl, rtol=1e-4, atol=1e-6)
    found = row_losses("reverse", {"form": "ce"}, logits_BC, weak_BC)
    np.testing.assert_allclose(found, cross(f_BC, w_BC), rtol=1e-5)


@BATCHES
@pytest.mark.parametrize("form", ["kl", "ce"])
def test_the_gradient_of_a_reverse_loss_goes_through_the_students_weights(logits_BC, weak_BC, form):
    f_BC, w_BC = probabilities(logits_BC, weak_BC)
    surprise_BC = np.log(f_BC / w_BC) if form == "kl" else -np.log(w_BC)
    expected = f_BC * (surprise_BC - (f_BC * surprise_BC).sum(-1, keepdims=True))
    np.testing.assert_allclose(
        gradient("reverse", {"form": form}, logits_BC, weak_BC), expected, rtol=1e-4, atol=1e-6
    )


def test_reverse_kl_is_0_only_for_a_student_that_believes_the_weak_label():
    assert np.abs(row_losses("reverse", {}, WEAK_BC.log(), WEAK_BC)).max() < 1e-6
    assert (row_losses("reverse", {}, LOGITS_BC, WEAK_BC) > 0).all()
