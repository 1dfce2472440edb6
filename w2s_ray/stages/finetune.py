"""Finetune a model and predict while it is loaded: supervisor, student and ceiling are this one stage.

Leaves `predictions.parquet`, `curve.parquet` and `metrics.json`. Weights are not kept: predictions are the
artifact. A role trained on the weak half also predicts the transfer half, where its labels are wanted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from w2s_ray.core.identity import derived_seed
from w2s_ray.core.specs import ModelSpec, TrainSpec
from w2s_ray.metrics.recovery import accuracy, auroc
from w2s_ray.stages.job import Job, Outcome
from w2s_ray.stages.material import Material
from w2s_ray.stages.predictions import Predictions, write_predictions
from w2s_ray.training.progress import CurvePoint, Progress
from w2s_ray.training.worker import Worker

LOSS_POINTS = 20  # of a curve: enough to see a loss that does not fall


def run(job: Job, worker: Worker) -> Outcome:
    """Train by the recipe, predict every split the role owes, and write the three files."""
    from w2s_ray.training.loop import train

    material = Material(job)
    recipe: TrainSpec = job.stage.spec["recipe"]
    engine, tokens, facts = _prepare(job, worker, material)
    lesson, evaluator = _lesson(job, material, tokens), _Evaluator(material, engine, tokens, recipe)
    progress = train(
        engine,
        lesson,
        evaluate=evaluator.accuracies,
        checkpoints=job.checkpoints(worker) if job.checkpoints else None,
        checkpoint_s=job.layout.checkpoint_s,
    )
    predictions = evaluator.predictions()
    engine.close()
    metrics = _metrics(material, predictions)
    curve = with_losses(_completed(progress.curve, metrics), progress.losses)
    metrics |= _course(progress, curve)
    if worker.leads:
        _write(job.out, predictions, curve, metrics)
    return Outcome(metrics=metrics, facts=facts)


class _Evaluator:
    """Predictions of the loaded model, whole or boiled down to the two accuracies of a curve."""

    def __init__(self, material: Material, engine: Any, tokens: Any, recipe: TrainSpec) -> None:
        self._material, self._engine, self._tokens, self._recipe = material, engine, tokens, recipe
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
        return predict(self._engine, self._tokens, rows, batch=batch, num_classes=num_classes)


def _prepare(job: Job, worker: Worker, material: Material) -> tuple[Any, Any, dict[str, Any]]:
    """The engine with the model in it, the tokens of all examples, and facts for the record."""
    from w2s_ray.models.build import build, enable_gradient_checkpointing
    from w2s_ray.models.encode import encode
    from w2s_ray.models.head import HeadPlan
    from w2s_ray.training.batches import Tokens
    from w2s_ray.training.engines import build_engine

    recipe: TrainSpec = job.stage.spec["recipe"]
    examples, model = material.examples, job.stage.spec["model"]
    folder = model_folder(model, job.inputs, job.places)
    head = HeadPlan(
        num_classes=material.num_classes,
        num_texts=len(examples.texts[0]),
        label_words=material.facts["label_words"],
        init=recipe.head,
    )
    seed = derived_seed(job.stage.spec["seed"], "weights")
    built = build(model, folder, head, seed=seed, vocabulary=_vocabulary(model))
    if job.layout.gradient_checkpointing:
        enable_gradient_checkpointing(built.classifier)
    flat = encode(
        built.tokenizer,
        [context for contexts in examples.contexts for context in contexts],
        [text for texts in examples.texts for text in texts],
        max_tokens=built.max_tokens,
    )
    texts = [flat[start : start + head.num_texts] for start in range(0, len(flat), head.num_texts)]
    tokens = Tokens(texts=texts, pad_id=built.tokenizer.pad_token_id)
    parameters = sum(parameter.numel() for parameter in built.classifier.parameters())
    engine = build_engine(built.classifier, recipe, job.layout, worker)
    return (
        engine,
        tokens,
        {"head": built.head_init, "num_parameters": parameters, "max_tokens": built.max_tokens},
    )


def model_folder(model: ModelSpec, inputs: Mapping[str, Path], places: Mapping[str, str]) -> Path | None:
    """Where the checkpoint lies: with the stage that made it, in a folder, in the hub's cache, or nowhere."""
    from w2s_ray.models.fetch import fetch

    if "base" in inputs:
        return inputs["base"] / "model"
    return None if model.source.kind == "world" else fetch(model, places)


def _vocabulary(model: ModelSpec) -> tuple[str, ...]:
    if model.source.kind != "world":
        return ()
    from w2s_ray.tasks.world import VOCABULARY

    return VOCABULARY


def _lesson(job: Job, material: Material, tokens: Any) -> Any:
    from w2s_ray.methods import Truth, build_method
    from w2s_ray.training.loop import Lesson

    method = job.stage.spec["method"]
    return Lesson(
        inputs=tokens.take(material.rows(material.half)),
        labels_NC=material.labels(material.half),
        objective=build_method(method) if method else Truth(),
        prior=material.prior,
        recipe=job.stage.spec["recipe"],
        seed=derived_seed(job.stage.spec["seed"], "order"),
        micro_tokens=job.layout.micro_tokens,
    )


def _metrics(material: Material, predictions: Predictions) -> dict[str, float]:
    """Accuracy and AUROC against the truth by split, and on `select` against the labels the role may see."""
    found: dict[str, float | None] = {}
    for split in material.predicted:
        p_NC, truth_N = predictions.where(split).p_NC, material.truth(split)
        found[f"accuracy/{split}"] = accuracy(p_NC.argmax(-1), truth_N)
        found[f"auroc/{split}"] = auroc(p_NC[:, 1], truth_N) if material.num_classes == 2 else None
    seen = material.labels("select").argmax(-1)
    found["select_accuracy"] = accuracy(predictions.where("select").p_NC.argmax(-1), seen)
    return {name: value for name, value in found.items() if value is not None}


def _completed(curve: Sequence[CurvePoint], metrics: Mapping[str, float]) -> list[CurvePoint]:
    """The curve, its last point filled in from the final predictions where it was not measured apart."""
    if not curve or curve[-1].test_accuracy is not None:
        return list(curve)
    last = replace(
        curve[-1],
        select_accuracy=metrics.get("select_accuracy"),
        test_accuracy=metrics.get("accuracy/test"),
    )
    return [*curve[:-1], last]


def with_losses(curve: Sequence[CurvePoint], losses: Sequence[float]) -> list[CurvePoint]:
    """The curve with `LOSS_POINTS` more points at most; each loss is the mean since the point before."""
    measured = {point.step: point for point in curve}
    count = min(LOSS_POINTS, len(losses))
    steps = sorted({round(len(losses) * (index + 1) / count) for index in range(count)} | set(measured))
    points = []
    for before, step in zip([0, *steps], steps, strict=False):
        loss = float(np.mean(losses[before:step]))
        points.append(replace(measured.get(step, CurvePoint(step=step, loss=loss)), loss=loss))
    return points


def _course(progress: Progress, curve: Sequence[CurvePoint]) -> dict[str, float]:
    """How the training went. `oracle_*` is the best test accuracy of the curve: recorded, never chosen by."""
    course = {
        "loss/last": curve[-1].loss if curve else float(np.mean(progress.losses[-1:])),
        "loss/first": progress.losses[0],
        "steps": float(progress.step),
        "selected_step": float(progress.best_step or progress.step),
    }
    measured = [(point.test_accuracy, -point.step) for point in curve if point.test_accuracy is not None]
    if measured:
        best, step = max(measured)
        course |= {"oracle_accuracy": best, "oracle_step": float(-step)}
    return course


def _write(
    out: Path, predictions: Predictions, curve: Sequence[CurvePoint], metrics: Mapping[str, float]
) -> None:
    import pandas as pd

    write_predictions(out, predictions)
    pd.DataFrame([asdict(point) for point in curve]).to_parquet(out / "curve.parquet", index=False)
    (out / "metrics.json").write_text(json.dumps(dict(metrics), indent=1, sort_keys=True))
