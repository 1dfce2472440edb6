"""What every registered method keeps to, by being registered."""

import pytest
import torch

from w2s_ray.methods import METHODS, build_method, method_spec, parameters
from w2s_ray.methods.base import KINDS


@pytest.fixture(params=list(METHODS))
def name(request):
    return request.param


@pytest.fixture
def method(name):
    return build_method(method_spec(name, {}))


def random_rows(num_rows, num_classes, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(num_rows, num_classes, generator=generator).mul(2).softmax(-1)


def classes_of(method):
    return [2] + ([5] if "kclass" in method.kinds else [])


def test_it_declares_what_it_is(name, method):
    assert method.name == name and method.version >= 1
    assert method.kinds and method.kinds <= set(KINDS)
    assert all(declared.doc for declared in parameters(name).values())


def test_a_student_that_agrees_with_certain_labels_is_left_alone(method):
    for num_classes in classes_of(method):
        certain_BC = torch.eye(num_classes).repeat(3, 1)
        for progress in (0.0, 0.1, 1.0):
            target_BC = method.target(certain_BC, certain_BC, prior=0.5, progress=progress)
            torch.testing.assert_close(target_BC, certain_BC)


def test_targets_are_probabilities(method):
    for num_classes in classes_of(method):
        student_BC, weak_BC = random_rows(9, num_classes), random_rows(9, num_classes, seed=1)
        target_BC = method.target(student_BC, weak_BC, prior=0.3, progress=0.15)
        assert target_BC.shape == weak_BC.shape and (target_BC >= 0).all()
        torch.testing.assert_close(target_BC.sum(-1), torch.ones(9))


def test_a_target_carries_no_gradient_and_changes_no_input(method):
    student_BC, weak_BC = random_rows(8, 2), random_rows(8, 2, seed=1)
    before = student_BC.clone(), weak_BC.clone()
    assert not method.target(student_BC, weak_BC, prior=0.5, progress=0.5).requires_grad
    assert torch.equal(student_BC, before[0]) and torch.equal(weak_BC, before[1])


def test_it_says_truly_whether_a_target_depends_on_the_other_rows_of_its_batch(method):
    """The loop trusts the flag: an uncoupled target is computed micro-batch by micro-batch."""
    student_BC, weak_BC = random_rows(8, 2), random_rows(8, 2, seed=1)
    order_B = student_BC[:, 1].argsort()
    parts = (order_B[:4], order_B[4:])  # rows that the student calls negative, and positive ones
    whole_BC = method.target(student_BC, weak_BC, prior=0.5, progress=0.7)
    apart_BC = torch.empty_like(whole_BC)
    for part in parts:
        apart_BC[part] = method.target(student_BC[part], weak_BC[part], prior=0.5, progress=0.7)
    assert torch.equal(whole_BC, apart_BC) == (not method.coupled)
