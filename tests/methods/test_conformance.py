"""What every registered loss method keeps to, by being registered."""

import itertools
import re
from dataclasses import replace

import pytest
import torch

from bench.invariance import HERE, differences, make_engine, make_lesson, trial
from w2s_ray.core.specs import Layout
from w2s_ray.methods import METHODS, build_method, method_spec, parameters
from w2s_ray.methods.base import KINDS, cross_entropy
from w2s_ray.training.loop import train
from w2s_ray.training.worker import Worker

PROGRESS = (0.0, 0.05, 0.15, 1.0)
LOSSES = {name: METHODS[name] for name in METHODS if hasattr(METHODS[name], "target")}


@pytest.fixture(params=LOSSES)
def name(request):
    return request.param


@pytest.fixture
def method(name):
    return build_method(method_spec(name, {}))


@pytest.fixture
def variants(name):
    """The method with its defaults, and with each other choice of a parameter that has choices."""
    specs = [method_spec(name, {})]
    for declared in parameters(name).values():
        specs += [method_spec(name, {declared.name: choice}) for choice in declared.choices]
    return [build_method(spec) for spec in specs]


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def random_logits(num_rows, num_classes, seed=0):
    return torch.randn(num_rows, num_classes, generator=torch.Generator().manual_seed(seed)).mul(2)


def random_rows(num_rows, num_classes, seed=0):
    return random_logits(num_rows, num_classes, seed).softmax(-1)


def classes_of(method):
    return [2] + ([5] if "kclass" in method.kinds else [])


def losses(method, logits_BC, weak_BC, *, prior=0.5, progress=1.0):
    """Row losses and their gradient in the logits, as the loop has them of a batch in one forward pass."""
    logits_BC = logits_BC.clone().requires_grad_()
    goal_BC = method.target(logits_BC.detach().softmax(-1), weak_BC, prior=prior, progress=progress)
    loss_B = method.row_loss(logits_BC, goal_BC)
    (gradient_BC,) = torch.autograd.grad(loss_B.sum(), logits_BC)
    return loss_B.detach(), gradient_BC


def test_it_declares_what_it_is(name, method):
    assert method.name == name and method.version >= 1
    assert method.kinds and method.kinds <= set(KINDS)
    assert all(declared.doc for declared in parameters(name).values())


def test_its_documentation_has_an_equation_and_its_source(method):
    assert re.search(r"CE\(|KL\(|sum_c", type(method).__doc__)
    assert re.search(r"et al\. \d{4}|github\.com/", type(method).__doc__)


def test_a_student_that_agrees_with_certain_labels_is_left_alone(variants):
    for method in variants:
        for num_classes, progress in itertools.product(classes_of(method), PROGRESS):
            certain_BC = torch.eye(num_classes).repeat(3, 1)
            _, gradient_BC = losses(method, 40 * certain_BC, certain_BC, progress=progress)
            assert gradient_BC.abs().max() < 1e-6


def test_a_loss_is_finite_and_has_a_finite_gradient_however_sure_the_student_is(variants):
    for method in variants:
        for num_classes, progress in itertools.product(classes_of(method), PROGRESS):
            sure_BC = torch.tensor(list(itertools.product((-80.0, 80.0), repeat=num_classes)))
            uniform_BC = torch.full((1, num_classes), 1 / num_classes)
            for label_1C in (*torch.eye(num_classes).split(1), uniform_BC):
                weak_BC = label_1C.expand_as(sure_BC).contiguous()
                loss_B, gradient_BC = losses(method, sure_BC, weak_BC, progress=progress)
                assert loss_B.isfinite().all() and gradient_BC.isfinite().all()


@pytest.mark.parametrize("name", [name for name in LOSSES if LOSSES[name].row_loss is cross_entropy])
def test_goals_of_cross_entropy_are_probabilities_times_the_weight_of_the_row(method):
    for num_classes in classes_of(method):
        student_BC, weak_BC = random_rows(9, num_classes), random_rows(9, num_classes, seed=1)
        goal_BC = method.target(student_BC, weak_BC, prior=0.3, progress=0.15)
        assert goal_BC.shape == weak_BC.shape and (goal_BC >= 0).all()
        assert (goal_BC.sum(-1) < 1 + 1e-6).all()


def test_a_goal_carries_no_gradient_and_changes_no_input(variants):
    for method in variants:
        student_BC, weak_BC = random_rows(8, 2), random_rows(8, 2, seed=1)
        before = student_BC.clone(), weak_BC.clone()
        assert not method.target(student_BC, weak_BC, prior=0.5, progress=0.5).requires_grad
        assert torch.equal(student_BC, before[0]) and torch.equal(weak_BC, before[1])


def test_it_says_truly_whether_a_goal_depends_on_the_other_rows_of_its_batch(variants):
    """The loop trusts the flag: an uncoupled goal is computed micro-batch by micro-batch."""
    for method in variants:
        student_BC, weak_BC = random_rows(8, 2), random_rows(8, 2, seed=1)
        order_B = student_BC[:, 1].argsort()
        parts = (order_B[:4], order_B[4:])  # rows that the student calls negative, and positive ones
        whole_BC = method.target(student_BC, weak_BC, prior=0.5, progress=0.7)
        apart_BC = torch.empty_like(whole_BC)
        for part in parts:
            apart_BC[part] = method.target(student_BC[part], weak_BC[part], prior=0.5, progress=0.7)
        assert torch.equal(whole_BC, apart_BC) == (not method.coupled)


def test_the_place_of_a_row_in_its_batch_does_not_matter(variants):
    for method in variants:
        logits_BC, weak_BC = random_logits(9, 2), random_rows(9, 2, seed=1)
        order_B = torch.randperm(9, generator=torch.Generator().manual_seed(2))
        loss_B, _ = losses(method, logits_BC, weak_BC)
        torch.testing.assert_close(losses(method, logits_BC[order_B], weak_BC[order_B])[0], loss_B[order_B])


def test_with_more_than_two_classes_none_is_special(variants):
    for method in variants:
        if "kclass" not in method.kinds:
            continue
        logits_BC, weak_BC = random_logits(9, 5), random_rows(9, 5, seed=1)
        order_C = torch.tensor([3, 0, 4, 1, 2])
        loss_B, gradient_BC = losses(method, logits_BC, weak_BC)
        turned_B, turned_BC = losses(method, logits_BC[:, order_C], weak_BC[:, order_C])
        torch.testing.assert_close(turned_B, loss_B)
        torch.testing.assert_close(turned_BC, gradient_BC[:, order_C])


@pytest.fixture(scope="module")
def naive_weights():
    return trained_weights(build_method(method_spec("naive", {})))


def trained_weights(method):
    """What a training of 8 steps leaves behind, its batches of 32 cut for micro-batches of 8 rows."""
    lesson = replace(make_lesson("naive", HERE["torch 4×8"].micro_tokens, steps=8), objective=method)
    engine = make_engine(lesson.recipe, Layout(), Worker())
    train(engine, lesson, evaluate=lambda: (0.0, 0.0))
    return engine.weights()


@pytest.mark.parametrize("name", [name for name in LOSSES if LOSSES[name].naive_at is not None])
def test_where_it_claims_to_be_naive_it_is_so_bit_for_bit(name, method, naive_weights):
    naive, neutral = build_method(method_spec("naive", {})), build_method(method_spec(name, method.naive_at))
    weights = trained_weights(neutral)
    assert weights.keys() == naive_weights.keys()
    assert all(torch.equal(weights[key], weight) for key, weight in naive_weights.items())
    weak_BC, sure_BC = random_rows(9, 2, seed=1), random_logits(9, 2).sign() * 80
    assert torch.equal(losses(neutral, sure_BC, weak_BC)[1], losses(naive, sure_BC, weak_BC)[1])
    unsure_BC = random_logits(9, 2)  # elsewhere it is not naive
    assert not torch.equal(losses(method, unsure_BC, weak_BC)[1], losses(naive, unsure_BC, weak_BC)[1])


def test_one_forward_pass_a_batch_or_several_come_to_the_same(name, method):
    whole, cut = (trial(layout, name, Worker(), steps=16) for layout in HERE.values())
    moved = differences(cut, whole)
    assert moved["parameter"] < 1e-6, moved
    assert moved["loss"] < (1e-4 if method.coupled else 1e-5), moved  # a row at the threshold may flip
