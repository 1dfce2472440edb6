"""The stages of a sweep by the words of a sweep: splits, pretrained bases, supervisors, ceilings and students.

Equal stages are one object. What a model's regime means for its stages is decided here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from w2s_ray.core.graph import (
    Stage,
    adapt_stage,
    features_stage,
    finetune_stage,
    fresh_stage,
    keeping_model,
    pretrain_stage,
    probe_stage,
    prompt_stage,
    split_stage,
)
from w2s_ray.core.identity import derived_seed
from w2s_ray.core.specs import MethodSpec, TrainSpec
from w2s_ray.sweep.nouns import Role, Sweep


class Trainings:
    """Makes the stages of a sweep, and remembers which of them were asked for further predictions."""

    def __init__(self, sweep: Sweep) -> None:
        self.sweep = sweep
        self._stages: dict[tuple[Any, ...], Stage] = {}
        self._wider: dict[str, Stage] = {}
        self._kept: dict[str, Stage] = {}

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

    def prompt(
        self,
        model: str,
        task: str,
        seed: int,
        *,
        shots: int,
        calibrate: bool,
        labels: Stage | None,
        half: str,
        predicts: Sequence[str] = (),
        fresh: Stage | None = None,
    ) -> Stage:
        """A model asked as it is, after `shots` examples of `half` with `labels`, or with the truth."""
        recipe = self.sweep.recipe("student", model, task)
        needs_fresh = half != "transfer" or any(part != "transfer" for part in predicts)
        return prompt_stage(
            model=self.sweep.models[model].spec.backbone,
            prompt=self.sweep.tasks[task].task.asked,
            shots=shots,
            calibrate=calibrate,
            seed=seed,
            half=half,
            split=self.split(task, seed),
            labels=labels,
            base=self._base(model, task, seed, half, recipe, fresh),
            fresh=fresh if needs_fresh else None,
            predicts=predicts,
        )

    def probed(
        self, student: Stage, model: str, task: str, seed: int, *, predicts: Sequence[str] = ()
    ) -> Stage:
        """A linear probe on a finetuned student, taught the truth of the transfer half."""
        spec = replace(self.sweep.models[model].spec, regime="probe", lora=None)
        split, kept = self.split(task, seed), keeping_model(student)
        self._kept[student.identity] = kept
        features = self._once(("features", kept), lambda: features_stage(model=spec, split=split, base=kept))
        return probe_stage(
            model=spec,
            recipe=self.sweep.recipes.first_probe(),
            seed=seed,
            half="transfer",
            split=split,
            features=features,
            predicts=predicts,
        )

    def widest(self, stage: Stage) -> Stage:
        """The same training which leaves more, its weights or predictions, where that was asked for: it serves both."""
        return self._kept.get(stage.identity) or self._wider.get(stage.identity, stage)

    def is_probed(self, model: str) -> bool:
        """Whether a linear head on frozen features is trained of a model, alone or first."""
        return self.sweep.models[model].spec.regime != "finetune"

    def _train(
        self, role: Role, model: str, task: str, seed: int, *, half: str, own: int | None = None, **given: Any
    ) -> Stage:
        spec, split, recipe = (
            self.sweep.models[model].spec,
            self.split(task, seed),
            self.sweep.recipe(role, model, task),
        )
        base = self._base(model, task, seed, half, recipe, given.get("fresh"))
        common: dict[str, Any] = {"seed": seed if own is None else own, "half": half, "split": split, **given}
        if spec.regime == "finetune":
            return finetune_stage(model=spec, recipe=recipe, base=base, **common)
        probed = replace(spec, regime="probe", lora=None)
        features = self._once(
            ("features", model, task, seed, base),
            lambda: features_stage(model=probed, split=split, base=base),
        )
        if spec.regime == "probe":
            return probe_stage(model=spec, recipe=recipe, features=features, **common)
        taught = {name: value for name, value in common.items() if name not in ("predicts", "fresh")}
        first = self.sweep.recipes.first_probe()
        head = probe_stage(model=probed, recipe=first, features=features, keeps_head=True, **taught)
        return finetune_stage(model=spec, recipe=recipe, base=base, head=head, **common)

    def _base(
        self, model: str, task: str, seed: int, half: str, recipe: TrainSpec, fresh: Stage | None
    ) -> Stage | None:
        """The stage that makes a model's weights for a role that learns from `half`; None where none here does."""
        resolved = self.sweep.models[model]
        pretrained = None
        if resolved.pretrain_seed is not None:
            pretrain_seed = resolved.pretrain_seed
            pretrained = self._once(("base", model), lambda: pretrain_stage(resolved.spec, pretrain_seed))
        if resolved.spec.adapt is None:
            return pretrained
        reading = TrainSpec(**vars(resolved.spec.adapt), precision=recipe.precision)
        return self._once(
            ("adapt", model, task, seed, half, reading, fresh if half.startswith("fresh") else None),
            lambda: adapt_stage(
                model=resolved.spec,
                recipe=reading,
                seed=seed,
                half=half,
                split=self.split(task, seed),
                base=pretrained,
                fresh=fresh if half.startswith("fresh") else None,
            ),
        )

    def _once(self, key: tuple[Any, ...], make: Callable[[], Stage]) -> Stage:
        if key not in self._stages:
            self._stages[key] = make()
        return self._stages[key]
