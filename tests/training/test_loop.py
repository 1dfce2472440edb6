"""The loop in one process: schedule, selection, targets, failures, memory, determinism."""

import hashlib
import math
import os
import subprocess
import sys
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.invariance import HERE, make_engine, make_lesson, trial
from w2s_ray.core.errors import TrainingDiverged
from w2s_ray.core.specs import Layout, LoraSpec, TrainSpec
from w2s_ray.methods import Truth, build_method, method_spec
from w2s_ray.training.loop import evaluation_steps, lr_at, train, train_step
from w2s_ray.training.predict import predict
from w2s_ray.training.worker import Worker

ROOT = Path(__file__).resolve().parents[2]
MICRO = 96


def engine_for(lesson, **model):
    return make_engine(lesson.recipe, Layout(), Worker(), **model)


def trained(lesson, evaluate=lambda: (0.0, 0.0), **options):
    engine = engine_for(lesson)
    return engine, train(engine, lesson, evaluate=evaluate, **options)


def equal(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def test_a_step_is_adam_on_the_cross_entropy_of_the_batch():
    """Against a second implementation that uses torch's own loss."""
    lesson = make_lesson("naive", MICRO, steps=8)
    batch, (first, second) = np.arange(32), (engine_for(lesson), engine_for(lesson))
    loss = train_step(first, lesson, batch, done=0.0, lr=1e-3)
    model = second.model
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.0)
    expected = torch.nn.functional.cross_entropy(
        model(*lesson.inputs.tensors(batch, torch.device("cpu"))), torch.tensor(lesson.labels_NC[batch])
    )
    expected.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    assert loss == pytest.approx(expected.item(), abs=1e-6)
    for name, weight in first.weights().items():
        if (
            "query_key_value.bias" not in name
        ):  # key biases have no gradient but rounding, which Adam scales up
            torch.testing.assert_close(weight, second.weights()[name], atol=2e-5, rtol=0)


def test_confidence_with_alpha_0_is_naive_bit_for_bit():
    naive, confident = make_lesson("naive", MICRO, steps=8), make_lesson("confidence", MICRO, steps=8)
    confident = replace(confident, objective=build_method(method_spec("confidence", {"alpha": 0.0})))
    assert equal(trained(naive)[0].weights(), trained(confident)[0].weights())


@pytest.mark.parametrize("schedule", ["cosine", "linear", "constant"])
def test_the_schedule_ends_at_0_after_a_linear_warm_up(schedule):
    recipe = TrainSpec(lr=2.0, schedule=schedule, warmup=0.1)
    values = [lr_at(step, 100, recipe) for step in range(100)]
    np.testing.assert_allclose(values[:10], [2.0 * (step + 1) / 11 for step in range(10)])
    rest = np.arange(90) / 90
    shape = {"cosine": (1 + np.cos(np.pi * rest)) / 2, "linear": 1 - rest, "constant": np.ones(90)}
    np.testing.assert_allclose(values[10:], 2.0 * shape[schedule])


def test_without_warm_up_the_first_step_has_the_whole_rate():
    assert lr_at(0, 10, TrainSpec(lr=1e-3)) == 1e-3


def test_evaluations_are_evenly_spaced_and_the_last_is_at_the_end():
    assert evaluation_steps(100, 4) == {25, 50, 75, 100}
    assert evaluation_steps(7, 3) == {2, 5, 7}
    assert evaluation_steps(7, 0) == set()
    assert max(evaluation_steps(3, 10)) == 3


def test_the_curve_has_a_point_an_evaluation_with_the_mean_loss_since_the_last():
    lesson = make_lesson("naive", steps=8, evals=2)
    _, progress = trained(lesson, evaluate=lambda: (0.6, 0.7))
    assert [point.step for point in progress.curve] == [4, 8]
    assert progress.curve[1].loss == pytest.approx(np.mean(progress.losses[4:]))
    assert (progress.curve[0].select_accuracy, progress.curve[0].test_accuracy) == (0.6, 0.7)
    assert progress.curve[1].test_accuracy is None  # the final predictions say it


def test_weak_val_selects_by_the_labels_the_role_may_see_and_never_by_truth():
    lesson = make_lesson("naive", steps=8, evals=4, selection="weak-val")
    found, snapshots = iter([(0.5, 0.9), (0.8, 0.1), (0.7, 1.0), (0.8, 1.0)]), []
    engine = engine_for(lesson)

    def evaluate():
        snapshots.append(engine.weights())
        return next(found)

    progress = train(engine, lesson, evaluate=evaluate)
    assert progress.best_step == 4  # the first of equals
    assert equal(engine.weights(), snapshots[1]) and not equal(engine.weights(), snapshots[3])


def test_last_keeps_the_last_whatever_the_curve_says():
    lesson = make_lesson("naive", steps=8, evals=4)
    accuracies = iter([(0.9, 0.9), (0.1, 0.1), (0.1, 0.1)])
    engine, progress = trained(lesson, evaluate=lambda: next(accuracies))
    assert progress.best is None and equal(engine.weights(), trained(replace(lesson))[0].weights())


def test_a_loss_that_is_no_number_ends_the_training_and_names_the_step():
    lesson = make_lesson("naive", steps=8)
    lesson.labels_NC[:] = np.nan
    with pytest.raises(TrainingDiverged, match=r"became nan at step 0 .*lower lr"):
        trained(lesson)


def test_two_runs_are_equal_bit_for_bit_in_another_process_and_under_another_hash_seed():
    code = (
        "import hashlib, torch; torch.set_num_threads(1); from bench.invariance import *; "
        "r = trial(HERE['torch 4×8'], 'confidence', Worker(), steps=8); "
        "print(hashlib.sha256(r.weights_P.tobytes() + r.p_NC.tobytes()).hexdigest())"
    )
    environment = os.environ | {"PYTHONHASHSEED": "7", "PYTHONPATH": str(ROOT)}
    elsewhere = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, env=environment, check=True, text=True
    ).stdout
    for _ in range(2):
        run = trial(HERE["torch 4×8"], "confidence", Worker(), steps=8)
        assert hashlib.sha256(run.weights_P.tobytes() + run.p_NC.tobytes()).hexdigest() == elsewhere.strip()


def test_predictions_are_in_the_order_asked_and_equal_for_any_batch():
    lesson = make_lesson("naive", steps=8)
    engine = engine_for(lesson)
    rows = [5, 63, 0, 17, 2, 40, 9]
    by_batch = [predict(engine, lesson.inputs, rows, batch=batch, num_classes=2) for batch in (1, 7, 32)]
    for p_NC in by_batch[1:]:
        np.testing.assert_allclose(p_NC, by_batch[0], atol=1e-6)
    np.testing.assert_allclose(by_batch[0].sum(1), 1, atol=1e-6)
    alone = predict(engine, lesson.inputs, [17], batch=1, num_classes=2)
    assert np.array_equal(by_batch[0][3], alone[0])


def test_every_row_is_labelled_also_where_training_dropped_a_partial_batch():
    lesson = make_lesson("naive", steps=8, batch=30, drop_last=True)
    engine, progress = trained(lesson)
    assert len(progress.losses) == 4 * (64 // 30)
    assert np.isfinite(predict(engine, lesson.inputs, range(64), batch=30, num_classes=2)).all()


def test_predictions_go_through_the_model_in_batches_of_similar_length(monkeypatch):
    lesson = make_lesson("naive", steps=8)
    engine, shapes = engine_for(lesson), []
    forward = engine.forward
    monkeypatch.setattr(
        engine, "forward", lambda ids, mask: (shapes.append(ids.shape[1]), forward(ids, mask))[1]
    )
    predict(engine, lesson.inputs, range(64), batch=8, num_classes=2)
    assert shapes == sorted(shapes) and shapes[0] < shapes[-1]


def test_the_graph_of_a_micro_batch_is_freed_before_the_next():
    """Keeping all of them would undo what micro-batches are for."""
    lesson = make_lesson("confidence", MICRO, steps=8)
    engine, kept, seen = engine_for(lesson), weakref.WeakSet(), []
    forward = engine.forward

    class Box:
        def __init__(self, tensor):
            self.tensor = tensor
            kept.add(self)

    def watched(ids_RT, mask_RT):
        seen.append(len(kept))
        return forward(ids_RT, mask_RT)

    engine.forward = watched
    with torch.autograd.graph.saved_tensors_hooks(Box, lambda box: box.tensor):
        train_step(engine, lesson, np.arange(32), done=0.5, lr=1e-3)
        assert len(seen) >= 6 and not any(seen)
        engine.forward(*lesson.inputs.tensors([0], torch.device("cpu")))
    assert seen[-1] == 0


@pytest.mark.parametrize(
    ("method", "budget", "first_pass"),
    [("naive", MICRO, False), ("confidence", 16384, False), ("confidence", MICRO, True)],
)
def test_a_first_pass_is_made_only_where_a_coupled_batch_is_cut(method, budget, first_pass):
    lesson = make_lesson(method, budget, steps=8)
    engine, with_gradient = engine_for(lesson), []
    forward = engine.forward

    def watched(ids_RT, mask_RT):
        with_gradient.append(torch.is_grad_enabled())
        return forward(ids_RT, mask_RT)

    engine.forward = watched
    train_step(engine, lesson, np.arange(32), done=0.5, lr=1e-3)
    assert with_gradient.count(False) == (with_gradient.count(True) if first_pass else 0)


def test_bf16_is_autocast_around_fp32_parameters_and_states():
    lesson = make_lesson("naive", steps=8, precision="bf16")
    engine, progress = trained(lesson)
    states = [value for state in engine._optimizer.state.values() for value in state.values()]
    assert {value.dtype for value in (*engine.weights().values(), *states)} == {torch.float32}
    exact = trained(make_lesson("naive", steps=8))[1].losses
    assert progress.losses != exact
    np.testing.assert_allclose(progress.losses, exact, atol=0.02)


def test_lora_leaves_the_backbone_as_it_was():
    lesson = make_lesson("naive", steps=8)
    engine = engine_for(lesson, lora=LoraSpec(rank=2))
    before = {name: p.detach().clone() for name, p in engine.model.named_parameters()}
    train(engine, lesson, evaluate=lambda: (0.0, 0.0))
    moved = {name for name, p in engine.model.named_parameters() if not torch.equal(p, before[name])}
    assert "head.weight" in moved and all("lora_" in name for name in moved - {"head.weight"})
    assert set(engine.weights()) == {name for name in before if "lora_" in name or name == "head.weight"}


def test_truth_is_learned_as_it_is():
    assert Truth.coupled is False
    lesson = make_lesson("naive", steps=60)
    certain_NC = np.eye(2, dtype=np.float32)[(lesson.labels_NC[:, 1] > 0.5).astype(int)]
    losses = trained(replace(lesson, objective=Truth(), labels_NC=certain_NC))[1].losses
    assert losses[0] == pytest.approx(math.log(2), abs=0.05) and np.mean(losses[-8:]) < 0.65
