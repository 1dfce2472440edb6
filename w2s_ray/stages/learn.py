"""Train a role and predict while its model is loaded: what finetuning and probing have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from w2s_ray.core.identity import derived_seed
from w2s_ray.core.specs import MethodSpec, TrainSpec
from w2s_ray.metrics.recovery import accuracy
from w2s_ray.stages.job import Job
from w2s_ray.stages.material import LESSON, Material
from w2s_ray.stages.predictions import Predictions
from w2s_ray.stages.results import write_results
from w2s_ray.training.worker import Worker


class Form(Protocol):
    """The form of a task's answers: what a model learns from, and how it is asked."""

    def lesson(self, inputs: Any, material: Material) -> tuple[Any, npt.NDArray[np.float32]]: ...
    def objective(self, method: MethodSpec | None) -> Any: ...
    def answers(
        self, engine: Any, inputs: Any, rows: npt.NDArray[np.int64], batch: int
    ) -> tuple[npt.NDArray[np.float32], tuple[str, ...]]: ...


@dataclass(frozen=True)
class Classes:
    """Answers are distributions over classes."""

    num_classes: int

    def lesson(self, inputs: Any, material: Material) -> tuple[Any, npt.NDArray[np.float32]]:
        """The inputs of the training half, and their labels [rows, classes]."""
        return inputs.take(material.rows(LESSON)), material.labels(LESSON)

    def objective(self, method: MethodSpec | None) -> Any:
        """The method, or the truth where there is none."""
        from w2s_ray.methods import Truth, build_method

        return build_method(method) if method else Truth()

    def answers(
        self, engine: Any, inputs: Any, rows: npt.NDArray[np.int64], batch: int
    ) -> tuple[npt.NDArray[np.float32], tuple[str, ...]]:
        """Probabilities [rows, classes], and no texts."""
        from w2s_ray.training.predict import predict

        return predict(engine, inputs, rows, batch=batch, num_classes=self.num_classes), ()


def learn(
    job: Job,
    worker: Worker,
    material: Material,
    engine: Any,
    inputs: Any,
    form: Form | None = None,
    keep: Callable[[Mapping[str, Any]], None] | None = None,
) -> dict[str, float]:
    """Train by the recipe, predict every split the role owes, write the three files; returns the metrics.

    `inputs` holds the material's examples in file order; answers are classes unless `form` says otherwise. The
    leading worker gives the trained weights to `keep`. The engine is closed afterwards.
    """
    from w2s_ray.training.loop import train

    form = form or Classes(material.num_classes)
    evaluator = _Evaluator(material, engine, inputs, form, job.stage.spec["recipe"])
    progress = train(
        engine,
        _lesson(job, material, inputs, form),
        evaluate=evaluator.accuracies,
        checkpoints=job.checkpoints(worker) if job.checkpoints else None,
        checkpoint_s=job.layout.checkpoint_s,
    )
    predictions = evaluator.predictions()
    weights = engine.weights() if keep is not None else {}
    engine.close()
    if keep is not None and worker.leads:
        keep(weights)
    return write_results(job.out, material, predictions, progress, leads=worker.leads)


class _Evaluator:
    """Predictions of the loaded model, whole or boiled down to the two accuracies of a curve."""

    def __init__(self, material: Material, engine: Any, inputs: Any, form: Form, recipe: TrainSpec) -> None:
        self._material, self._engine, self._inputs = material, engine, inputs
        self._form, self._recipe = form, recipe

    def accuracies(self) -> tuple[float | None, float | None]:
        """Against the role's own labels on `select`, and against the truth on `test`."""
        select, test = (self._predict(self._material.rows(split)).answers for split in ("select", "test"))
        material = self._material
        return accuracy(select, material.seen("select")), accuracy(test, material.truth("test"))

    def predictions(self) -> Predictions:
        """Of every split that the role owes."""
        rows = [self._material.rows(split) for split in self._material.predicted]
        return self._predict(np.concatenate(rows))

    def _predict(self, rows: npt.NDArray[np.int64]) -> Predictions:
        p_NC, texts = self._form.answers(self._engine, self._inputs, rows, self._recipe.predict_batch)
        examples = self._material.examples.take(rows.tolist())
        return Predictions(ids=examples.ids, splits=examples.splits, p_NC=p_NC, texts=texts)


def _lesson(job: Job, material: Material, inputs: Any, form: Form) -> Any:
    from w2s_ray.training.loop import Lesson

    taught, labels_NC = form.lesson(inputs, material)
    return Lesson(
        inputs=taught,
        labels_NC=labels_NC,
        objective=form.objective(job.stage.spec["method"]),
        prior=material.prior,
        recipe=job.stage.spec["recipe"],
        seed=derived_seed(job.stage.spec["seed"], "order"),
        micro_tokens=job.layout.micro_tokens,
    )
