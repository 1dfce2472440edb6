"""The stages of a sweep by the words of a sweep: splits, pretrained bases, supervisors, ceilings and students.

Equal stages are one object. What a model's regime means for its stages is decided here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from w2s_ray.core.graph import (
    Stage,
    features_stage,
    finetune_stage,
    fresh_stage,
    pretrain_stage,
    probe_stage,
    split_stage,
)
from w2s_ray.core.identity import derived_seed
from w2s_ray.core.specs import MethodSpec
from w2s_ray.sweep.nouns import Role, Sweep


class Trainings:
    """Makes the stages of a sweep, and remembers which of them were asked for further predictions."""

    def __init__(self, sweep: Sweep) -> None:
        self.sweep = sweep
        self._stages: dict[tuple[Any, ...], Stage] = {}
        self._wider: dict[str, Stage] = {}

    def split(self, task: str, seed: int) -> Stage:
        """The split of a task."""
        return self._once(("split", task, seed), lambda: split_stage(self.sweep.tasks[task].spec, seed))

    def fresh(self, task: str, seed: int, parts: int) -> Stage:
        """`parts` parts of rows that the split has not used."""
        return self._once(("fresh", task, seed, parts), lambda: fresh_stage(self.split(task, seed), parts))

    def ceiling(self, model: str, task: str, seed: int) -> Stage:
        """A strong model on the transfer half's truth."""
        return self._once(
            ("ceiling", model, task, seed), lambda: self._train("ceiling", model, task, seed, half="transfer")
        )

    def supervisor(
        self,
        model: str,
        task: str,
        seed: int,
        *,
        repeat: int = 0,
        predicts: Sequence[str] = (),
        fresh: Stage | None = None,
    ) -> Stage:
        """A model on the weak half's truth; its nth repetition has other weights and another order."""
        key = ("weak", model, task, seed, repeat, tuple(predicts), fresh)
        own = derived_seed(seed, f"repeat {repeat}") if repeat else seed
        more: dict[str, Any] = {"predicts": predicts, "fresh": fresh} if predicts else {}
        return self._once(key, lambda: self._train("weak", model, task, seed, half="weak", own=own, **more))

    def student(
        self,
        model: str,
        task: str,
        seed: int,
        *,
        method: MethodSpec,
        labels: Stage,
        half: str = "transfer",
        predicts: Sequence[str] = (),
        fresh: Stage | None = None,
    ) -> Stage:
        """A model taught by `method` on weak labels of `half`, which predicts the parts `predicts` as well."""
        given: dict[str, Any] = {"half": half, "method": method, "labels": labels}
        if half != "transfer" or any(part != "transfer" for part in predicts):
            given["fresh"] = fresh
        plain = self._train("student", model, task, seed, **given)
        if not predicts:
            return plain
        wider = self._train("student", model, task, seed, **given, predicts=predicts)
        self._wider[plain.identity] = wider
        return wider

    def widest(self, stage: Stage) -> Stage:
        """The same training with more predictions, where one was asked for: one training serves both."""
        return self._wider.get(stage.identity, stage)

    def is_probe(self, model: str) -> bool:
        """Whether a linear head on frozen features is all that is trained of a model."""
        return self.sweep.models[model].spec.regime == "probe"

    def _train(
        self, role: Role, model: str, task: str, seed: int, *, half: str, own: int | None = None, **given: Any
    ) -> Stage:
        split = self.split(task, seed)
        common: dict[str, Any] = {
            "model": self.sweep.models[model].spec,
            "recipe": self.sweep.recipe(role, model, task),
            "seed": seed if own is None else own,
            "half": half,
            "split": split,
        }
        if self.is_probe(model):
            return probe_stage(**common, features=self._features(model, task, seed), **given)
        return finetune_stage(**common, base=self._base(model), **given)

    def _features(self, model: str, task: str, seed: int) -> Stage:
        spec = self.sweep.models[model].spec
        return self._once(
            ("features", model, task, seed),
            lambda: features_stage(model=spec, split=self.split(task, seed), base=self._base(model)),
        )

    def _base(self, model: str) -> Stage | None:
        resolved = self.sweep.models[model]
        seed = resolved.pretrain_seed
        if seed is None:
            return None
        return self._once(("base", model), lambda: pretrain_stage(resolved.spec, seed))

    def _once(self, key: tuple[Any, ...], make: Callable[[], Stage]) -> Stage:
        if key not in self._stages:
            self._stages[key] = make()
        return self._stages[key]
