"""Checks that a gang of two workers makes on itself: `python gang.py CHECK FOLDER`. An assertion that fails ends it.

A script, so that worker processes find it whatever pytest calls its modules.
"""

import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from bench.invariance import make_engine, make_lesson
from w2s_ray.core.specs import Layout, LoraSpec, ModelSpec, Source, TrainSpec
from w2s_ray.models.generator import build_generator
from w2s_ray.store import Scratch
from w2s_ray.store.backend import Backend
from w2s_ray.training.answers import Answered, Likelihood
from w2s_ray.training.batches import Tokens
from w2s_ray.training.engines import build_engine
from w2s_ray.training.generate import generate
from w2s_ray.training.loop import Lesson, train, train_step
from w2s_ray.training.predict import predict
from w2s_ray.training.worker import launch_processes

TORCH = Layout(world_size=2)
STAGES = [Layout(world_size=2, zero_stage=stage) for stage in range(4)]


class Killed(Exception):
    """The process is lost."""


@dataclass
class KilledAfter:
    """Checkpoints of a process that is lost just after it saved step `last`."""

    scratch: Scratch
    last: int

    def save(self, step, write):
        self.scratch.save(step, write)
        if step == self.last:
            raise Killed

    def latest(self):
        return self.scratch.latest()


def texts_are_learnt_and_written(worker, folder):
    """Answers of unequal lengths, in an odd number of batches: every layout learns and writes the same."""
    words = ("<pad>", "<bos>", "<unk>", "a", "b", "c")
    model = ModelSpec(family="tiny", source=Source(kind="world", name="tiny-s", version=1), pretrained=False)
    prompts, recipe = (
        [[1, 3], [1, 4, 4], [1, 5], [1, 3, 4], [1, 5, 4]],
        TrainSpec(epochs=80, batch=5, lr=5e-3),
    )
    answers, found = [[3, 0], [4, 3, 5, 0], [5, 5, 0], [4, 0], [3, 3, 0]], []
    for layout in (TORCH, *STAGES):
        generator = build_generator(model, None, seed=0, vocabulary=words).generator
        engine = build_engine(generator, recipe, layout, worker)
        lesson = Lesson(
            inputs=Answered(prompts=prompts, answers=answers, pad_id=0),
            labels_NC=np.ones((5, 1), dtype=np.float32),
            objective=Likelihood(),
            prior=0.5,
            recipe=recipe,
            seed=0,
            micro_tokens=12,
        )
        losses = train(engine, lesson, evaluate=lambda: (None, None)).losses
        asked = Answered(prompts=prompts, answers=[()] * 5, pad_id=0)
        found.append((losses, *generate(engine, asked, range(5), batch=2, most=4, end_id=0)))
        engine.close()
    for losses, tokens_NK, log_p_N in found[1:]:
        np.testing.assert_allclose(losses[:20], found[0][0][:20], atol=1e-4)  # rounding grows at this rate
        assert tokens_NK.tolist() == found[0][1].tolist()
        np.testing.assert_allclose(np.exp(log_p_N), np.exp(found[0][2]), atol=0.01)
    assert [row[: len(answer)] for row, answer in zip(found[0][1].tolist(), answers, strict=True)] == answers


def unequal_micro_batches(worker, folder):
    """Seven rows over two workers, one of which needs three forward passes and the other one."""
    texts = [[[3] * length] for length in (12, 11, 10, 9, 1, 2, 1)]
    lesson = make_lesson("confidence", 12, steps=8)
    lesson = replace(lesson, inputs=Tokens(texts=texts, pad_id=0), labels_NC=lesson.labels_NC[:7])
    found = []
    for layout in (TORCH, *STAGES):
        engine = make_engine(lesson.recipe, layout, worker)
        batch = np.arange(7)
        losses = [train_step(engine, lesson, batch, done=0.5, lr=1e-3) for _ in range(3)]
        p_NC = predict(engine, lesson.inputs, range(7), batch=3, num_classes=2)
        found.append((losses, p_NC))
        engine.close()
    for losses, p_NC in found[1:]:
        np.testing.assert_allclose(losses, found[0][0], atol=1e-6)
        np.testing.assert_allclose(p_NC, found[0][1], atol=1e-5)


def fewer_rows_than_workers(worker, folder):
    """The last batch of an epoch has one row: the other worker goes along with nothing in hand."""
    lesson = make_lesson("confidence", steps=8)
    for layout in (TORCH, STAGES[2], STAGES[3]):
        engine = make_engine(lesson.recipe, layout, worker)
        assert np.isfinite(train_step(engine, lesson, np.array([5]), done=0.5, lr=1e-3))
        assert predict(engine, lesson.inputs, [3], batch=4, num_classes=2).shape == (1, 2)
        engine.close()


def weights_come_back(worker, folder):
    """`weak-val` puts earlier weights back; a step of size 0 shows that the optimizer has them too."""
    lesson = make_lesson("naive", steps=8)
    for layout in (TORCH, *STAGES):
        engine = make_engine(lesson.recipe, layout, worker)
        batch = np.arange(32)
        train_step(engine, lesson, batch, done=0.0, lr=1e-2)
        kept, before = engine.weights(), predict(engine, lesson.inputs, range(64), batch=32, num_classes=2)
        train_step(engine, lesson, batch, done=0.1, lr=1e-2)
        moved = engine.weights()
        assert not all(torch.equal(kept[name], moved[name]) for name in kept)
        engine.load_weights(kept)
        after = predict(engine, lesson.inputs, range(64), batch=32, num_classes=2)
        assert np.array_equal(before, after), layout
        train_step(engine, lesson, batch, done=0.2, lr=0.0)
        again = engine.weights()
        assert all(torch.equal(kept[name], again[name]) for name in kept), layout
        engine.close()


def clipping_is_torchs(worker, folder):
    """A norm that clips every step hard."""
    lesson = make_lesson("naive", 96, steps=8, clip=0.01, eps=1e-3)
    runs = []
    for layout in (TORCH, *STAGES):
        engine = make_engine(lesson.recipe, layout, worker)
        train(engine, lesson, evaluate=lambda: (0.0, 0.0))
        weights = engine.weights()
        runs.append(torch.cat([weights[name].flatten() for name in sorted(weights)]))
        engine.close()
    for run in runs[1:]:
        torch.testing.assert_close(run, runs[0], atol=1e-6, rtol=0)


def resumed_is_uninterrupted(worker, folder):
    """Killed after any step and resumed: the same bits, selection and losses, whole or with LoRA."""
    lesson = make_lesson("confidence", 96, steps=8, selection="weak-val", evals=4)
    for layout, model in (
        (TORCH, {}),
        (STAGES[2], {}),
        (STAGES[3], {}),
        (STAGES[3], {"lora": LoraSpec(rank=2)}),
    ):
        whole = make_engine(lesson.recipe, layout, worker, **model)
        expected = train(whole, lesson, evaluate=course())
        weights = whole.weights()
        whole.close()
        key = f"{layout.zero_stage}-{len(model)}"
        scratch = Scratch(
            backend=Backend(str(folder)),
            key=key,
            layout="gang",
            rank=worker.rank,
            world_size=worker.world_size,
            barrier=worker.barrier,
        )
        evaluate = course()
        for checkpoints in (KilledAfter(scratch, 5), scratch):
            engine = make_engine(lesson.recipe, layout, worker, **model)
            try:
                progress = train(
                    engine, lesson, evaluate=evaluate, checkpoints=checkpoints, checkpoint_s=1e-9
                )
            except Killed:
                engine.close()
        assert progress.losses == expected.losses and progress.curve == expected.curve, layout
        assert progress.best_step == expected.best_step == 4
        again = engine.weights()
        assert all(torch.equal(weights[name], again[name]) for name in weights), layout
        engine.close()


def course():
    """Evaluations whose second is the best."""
    found = iter([0.5, 0.9, 0.7, 0.6])
    return lambda: (next(found), 0.5)


def main(check, folder):
    launch_processes(Check(name=check, folder=Path(folder)), world_size=2)


@dataclass(frozen=True, kw_only=True)
class Check:
    """One of the functions above, as something that travels to a worker."""

    name: str
    folder: Path

    def __call__(self, worker):
        torch.set_num_threads(1)
        globals()[self.name](worker, self.folder)


if __name__ == "__main__":
    main(*sys.argv[1:])
