"""From a method to the stages of a student: what a strategy's plan is for one pair, task and seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from w2s_ray.core.errors import ConfigError
from w2s_ray.core.graph import Stage, labels_stage
from w2s_ray.core.specs import MethodSpec
from w2s_ray.methods import METHODS, build_method, is_strategy
from w2s_ray.methods.plan import Labels
from w2s_ray.sweep.trainings import Trainings


@dataclass(frozen=True)
class _Made:
    """Labels by the function that makes their stage for a part."""

    make: Callable[[str, Stage | None], Stage]

    def on(self, part: str, fresh: Stage | None) -> Stage:
        return self.make(part, fresh)


@dataclass(frozen=True, kw_only=True)
class Chain:
    """A strategy's plan (methods.plan.Plan): who teaches whom, on which rows, for one pair, task and seed.

    `model` is taught now, on `part`; it is to predict the parts `predicts` as well. `fresh` has the rows of the
    parts `fresh1`, …; without it they are the transfer half.
    """

    trainings: Trainings
    weak: str
    strong: str
    task: str
    seed: int
    model: str
    part: str = "transfer"
    predicts: tuple[str, ...] = ()
    fresh: Stage | None = None

    def supervisor(self, model: str = "", *, repeat: int = 0) -> Labels:
        """A supervisor's labels; it predicts the transfer half anyway, and fresh parts where they are wanted."""
        name = model or self.weak

        def make(part: str, fresh: Stage | None) -> Stage:
            more: dict[str, Any] = {} if part == "transfer" else {"predicts": (part,), "fresh": fresh}
            return self.trainings.supervisor(name, self.task, self.seed, repeat=repeat, **more)

        return _Made(make)

    def relabelled(self, name: str, params: Mapping[str, Any], *labels: Labels) -> Labels:
        """Labels made of others by `relabel` of a registered method."""
        spec = MethodSpec(name=name, version=METHODS[name].version, params=params)
        split = self.trainings.split(self.task, self.seed)

        def make(part: str, fresh: Stage | None) -> Stage:
            sources = [one.on(part, fresh) for one in labels]
            its = None if part == "transfer" else fresh
            return labels_stage(method=spec, split=split, sources=sources, fresh=its)

        return _Made(make)

    def student(self, method: MethodSpec, labels: Labels, *, model: str = "", part: str = "") -> Stage:
        """The student of `method`, which may be a strategy itself."""
        its = replace(self, model=model or self.model, part=self._real(part or self.part))
        if is_strategy(method.name):
            found: Stage = build_method(method).student(its, labels)
            return found
        return self.trainings.student(
            its.model, self.task, self.seed, method=method, labels=labels.on(its.part, its.fresh), half=its.part,
            predicts=self.predicts, fresh=self.fresh,
        )  # fmt: skip

    def prompted(self, shots: int, labels: Labels | None, *, calibrate: bool) -> Stage:
        """The model asked as it is; what a strategy inside another one asks is the model of that step."""
        return self.trainings.prompt(
            self.model, self.task, self.seed, shots=shots, calibrate=calibrate, half=self.part,
            labels=None if labels is None else labels.on(self.part, self.fresh),
            predicts=self.predicts, fresh=self.fresh,
        )  # fmt: skip

    def probed(self, method: MethodSpec, labels: Labels) -> Stage:
        """A probe on the student; ConfigError where no weights of it are trained, or where it is a step of a chain."""
        student = replace(self, predicts=()).student(method, labels)
        if student.kind != "finetune":
            raise ConfigError(
                f"probed: model {self.model!r} is not finetuned by {method.label}; probe one that is"
            )
        if any(part.startswith("fresh") for part in (self.part, *self.predicts)):
            raise ConfigError(
                "probed: a probe has features of the split alone, and can be no step on fresh rows"
            )
        return self.trainings.probed(student, self.model, self.task, self.seed, predicts=self.predicts)

    def taught(self, method: MethodSpec, labels: Labels, *, model: str = "", part: str = "") -> Labels:
        """The labels of such a student, which predicts whatever part is asked for."""
        return _Made(
            lambda wanted, fresh: replace(self, predicts=(wanted,), fresh=fresh or self.fresh).student(
                method, labels, model=model, part=part
            )
        )

    def with_fresh(self, models: Sequence[str]) -> Chain:
        """The same plan with a fresh part for each of `models`; probes have features of the split alone."""
        if not models or any(map(self.trainings.is_probed, (self.weak, self.strong, *models))):
            return self
        return replace(self, fresh=self.trainings.fresh(self.task, self.seed, len(models)))

    def _real(self, part: str) -> str:
        return part if self.fresh is not None or not part.startswith("fresh") else "transfer"


def student_of(
    trainings: Trainings, method: MethodSpec, *, weak: str, strong: str, task: str, seed: int
) -> Stage:
    """The student of a cell."""
    chain = Chain(trainings=trainings, weak=weak, strong=strong, task=task, seed=seed, model=strong)
    return chain.student(method, chain.supervisor())
