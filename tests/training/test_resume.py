"""A killed training resumes to the same bits."""

from dataclasses import replace

import pytest
import torch

from bench.invariance import make_engine, make_lesson
from w2s_ray.core.specs import Layout, LoraSpec
from w2s_ray.store import Scratch
from w2s_ray.store.backend import Backend
from w2s_ray.training.loop import train
from w2s_ray.training.progress import Progress, save
from w2s_ray.training.worker import Worker

STEPS = 8


class Killed(Exception):
    """The process is lost."""


@pytest.fixture
def lesson():
    return make_lesson("confidence", 96, steps=STEPS, selection="weak-val", evals=4)


@pytest.fixture
def scratch(tmp_path):
    """Checkpoints in memory: what disks do is tested with the store."""
    return Scratch(backend=Backend(f"memory://{tmp_path.name}"), key="finetune/x", layout="cpu x1")


def engine_for(lesson, **model):
    return make_engine(lesson.recipe, Layout(), Worker(), **model)


def accuracies():
    found = iter([0.5, 0.9, 0.7, 0.6])
    return lambda: (next(found), 0.5)


class KilledAfter:
    """Checkpoints of a process that saves step `last` alone, and is lost just after."""

    def __init__(self, scratch, last):
        self.scratch, self.last = scratch, last

    def save(self, step, write):
        if step == self.last:
            self.scratch.save(step, write)
            raise Killed

    def latest(self):
        return self.scratch.latest()


@pytest.mark.parametrize("model", [{}, {"lora": LoraSpec(rank=2)}], ids=["full", "lora"])
def test_killed_after_any_step_it_resumes_to_the_same_bits(lesson, scratch, model):
    whole = engine_for(lesson, **model)
    expected = train(whole, lesson, evaluate=accuracies())
    for last in range(1, STEPS + 1):
        own, evaluate = replace(scratch, key=f"finetune/{last}"), accuracies()
        with pytest.raises(Killed):
            train(
                engine_for(lesson, **model),
                lesson,
                evaluate=evaluate,
                checkpoints=KilledAfter(own, last),
                checkpoint_s=1e-9,
            )
        engine = engine_for(lesson, **model)
        progress = train(engine, lesson, evaluate=evaluate, checkpoints=own)
        assert (progress.losses, progress.curve) == (expected.losses, expected.curve)
        assert progress.best_step == 4
        weights = engine.weights()
        assert all(torch.equal(weights[name], kept) for name, kept in whole.weights().items())


def test_a_checkpoint_of_another_layout_is_not_resumed(lesson, scratch):
    with pytest.raises(Killed):
        train(
            engine_for(lesson),
            lesson,
            evaluate=accuracies(),
            checkpoints=KilledAfter(scratch, 3),
            checkpoint_s=1e-9,
        )
    calls = []

    def evaluate():
        calls.append(1)
        return 0.5, 0.5

    train(engine_for(lesson), lesson, evaluate=evaluate, checkpoints=replace(scratch, layout="cuda x1"))
    assert len(calls) == 4  # all of them: it began anew


def test_a_finished_training_is_not_evaluated_again(lesson, scratch):
    """Resuming once re-evaluated an untrained model and wrote that over good results."""
    first = engine_for(lesson)
    train(first, lesson, evaluate=accuracies(), checkpoints=scratch, checkpoint_s=1e-9)

    def never():
        raise AssertionError("evaluated again")

    second = engine_for(lesson)
    progress = train(second, lesson, evaluate=never, checkpoints=scratch, checkpoint_s=1e-9)
    assert progress.step == STEPS
    weights = second.weights()
    assert all(torch.equal(weights[name], kept) for name, kept in first.weights().items())


def test_nothing_is_saved_before_its_time(lesson):
    class Counting:
        saved = 0

        def save(self, step, write):
            self.saved += 1

        def latest(self):
            return None

    counting = Counting()
    train(engine_for(lesson), lesson, evaluate=accuracies(), checkpoints=counting, checkpoint_s=3600)
    assert counting.saved == 0


def test_the_fetched_copy_of_a_checkpoint_is_removed_after_use(lesson, tmp_path):
    folder = tmp_path / "copy"

    class Once:
        def save(self, step, write):
            raise AssertionError("not due")

        def latest(self):
            return folder

    folder.mkdir()
    save(engine_for(lesson), Progress(step=0), folder)
    train(engine_for(lesson), lesson, evaluate=accuracies(), checkpoints=Once())
    assert not folder.exists()


def test_saving_does_not_copy_the_best_weights(lesson, tmp_path, monkeypatch):
    """A deep copy of a large model's snapshot would double its memory at every checkpoint."""
    big = {"weight": torch.zeros(1)}
    monkeypatch.setattr(torch.Tensor, "__deepcopy__", lambda *_: pytest.fail("copied"))
    save(engine_for(lesson), Progress(step=1, losses=[0.5], best=big, best_step=1), tmp_path)
    assert torch.equal(torch.load(tmp_path / "best.pt", weights_only=True)["weight"], torch.zeros(1))
