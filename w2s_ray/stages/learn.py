"""Train a role and predict while its model is loaded: what finetuning and probing have in common."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from w2s_ray.core.identity import derived_seed
from w2s_ray.core.specs import TrainSpec
from w2s_ray.metrics.recovery import accuracy
from w2s_ray.stages.job import Job
from w2s_ray.stages.material import Material
from w2s_ray.stages.predictions import Predictions
from w2s_ray.stages.results import write_results
from w2s_ray.training.worker import Worker


def learn(job: Job, worker: Worker, material: Material, engine: Any, inputs: Any) -> dict[str, float]:
    """Train by the recipe, predict every split the role owes, write the three files; returns the metrics.

    `inputs` holds the material's examples in file order; the engine is closed afterwards.
    """
    from w2s_ray.training.loop import train

    evaluator = _Evaluator(material, engine, inputs, job.stage.spec["recipe"])
    progress = train(
        engine,
        _lesson(job, material, inputs),
        evaluate=evaluator.accuracies,
        checkpoints=job.checkpoints(worker) if job.checkpoints else None,
        checkpoint_s=job.layout.checkpoint_s,
    )
    predictions = evaluator.predictions()
    engine.close()
    return write_results(job.out, material, predictions, progress, leads=worker.leads)


class _Evaluator:
    """Predictions of the loaded model, whole or boiled down to the two accuracies of a curve."""

    def __init__(self, material: Material, engine: Any, inputs: Any, recipe: TrainSpec) -> None:
        self._material, self._engine, self._inputs, self._recipe = material, engine, inputs, recipe
        self._seen = material.labels("select").argmax(-1)

    def accuracies(self) -> tuple[float | None, float | None]:
        """Against the role's own labels on `select`, and against the truth on `test`."""
        select_NC = self._predict(self._material.rows("select"))
        test_NC = self._predict(self._material.rows("test"))
        truth = self._material.truth("test")
        return accuracy(select_NC.argmax(-1), self._seen), accuracy(test_NC.argmax(-1), truth)

    def predictions(self) -> Predictions:
        """Of every split that the role owes."""
        rows = np.concatenate([self._material.rows(split) for split in self._material.predicted])
        examples = self._material.examples.take(rows.tolist())
        return Predictions(ids=examples.ids, splits=examples.splits, p_NC=self._predict(rows))

    def _predict(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        from w2s_ray.training.predict import predict

        batch, num_classes = self._recipe.predict_batch, self._material.num_classes
        return predict(self._engine, self._inputs, rows, batch=batch, num_classes=num_classes)


def _lesson(job: Job, material: Material, inputs: Any) -> Any:
    from w2s_ray.methods import Truth, build_method
    from w2s_ray.training.loop import Lesson

    method = job.stage.spec["method"]
    return Lesson(
        inputs=inputs.take(material.rows(material.half)),
        labels_NC=material.labels(material.half),
        objective=build_method(method) if method else Truth(),
        prior=material.prior,
        recipe=job.stage.spec["recipe"],
        seed=derived_seed(job.stage.spec["seed"], "order"),
        micro_tokens=job.layout.micro_tokens,
    )
