"""Finetune a model and predict while it is loaded: supervisor, student and ceiling are this one stage.

Leaves `predictions.parquet`, `curve.parquet` and `metrics.json`. Weights are not kept: predictions are the
artifact. A role trained on the weak half also predicts the transfer half, where its labels are wanted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from w2s_ray.core.identity import derived_seed
from w2s_ray.core.specs import ModelSpec, TrainSpec
from w2s_ray.metrics.recovery import accuracy, auroc
from w2s_ray.stages.job import Job, Outcome
from w2s_ray.stages.predictions import Predictions, read_predictions, write_predictions
from w2s_ray.tasks.examples import Examples, read_examples
from w2s_ray.training.worker import Worker

BALANCED = 0.05  # a class share within this of one half is balanced data, whose prior is one half


@dataclass(frozen=True)
class Material:
    """What a role learns from and is asked: the examples by split, and the labels it may see."""

    job: Job

    @cached_property
    def facts(self) -> dict[str, Any]:
        """`split.json` of the split stage."""
        facts: dict[str, Any] = json.loads((self.job.inputs["split"] / "split.json").read_text())
        return facts

    @cached_property
    def examples(self) -> Examples:
        return read_examples(self.job.inputs["split"]).where(self.half, *self.predicted)

    @property
    def half(self) -> str:
        return str(self.job.stage.spec["half"])

    @property
    def predicted(self) -> tuple[str, ...]:
        """The splits whose predictions this stage leaves."""
        return ("transfer", "select", "tune", "test") if self.half == "weak" else ("select", "tune", "test")

    def rows(self, split: str) -> npt.NDArray[np.int64]:
        """Positions of a split's examples, in id order: training order depends on no file's order."""
        rows = [row for row, name in enumerate(self.examples.splits) if name == split]
        return np.array(sorted(rows, key=lambda row: self.examples.ids[row]), dtype=np.int64)

    def labels(self, split: str) -> npt.NDArray[np.float32]:
        """What the role may see of a split [rows, classes]: weak probabilities by id, or the truth."""
        rows = self.rows(split)
        if "labels" not in self.job.inputs:
            return np.eye(self.facts["num_classes"], dtype=np.float32)[self.examples.labels[rows]]
        weak = read_predictions(self.job.inputs["labels"]).where(split)
        return weak.by_id([self.examples.ids[row] for row in rows])

    @property
    def prior(self) -> float:
        """Share of class 1 to assume: one half on balanced data, else the mean weak label (A.4)."""
        labels_NC = self.labels(self.half)
        if labels_NC.shape[1] > 2 or abs(float(self.facts.get("prior") or 0.5) - 0.5) <= BALANCED:
            return 0.5
        return float(labels_NC[:, 1].mean())


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
    metrics = _metrics(material, predictions) | {
        "loss/last": progress.curve[-1].loss if progress.curve else float(np.mean(progress.losses[-1:])),
        "loss/first": progress.losses[0],
        "steps": float(progress.step),
        "selected_step": float(progress.best_step or progress.step),
    }
    if worker.leads:
        _write(job.out, material, predictions, progress, metrics)
    return Outcome(metrics=metrics, facts=facts)


class _Evaluator:
    """Predictions of the loaded model, whole or boiled down to the two accuracies of a curve."""

    def __init__(self, material: Material, engine: Any, tokens: Any, recipe: TrainSpec) -> None:
        self._material, self._engine, self._tokens, self._recipe = material, engine, tokens, recipe

    def accuracies(self) -> tuple[float, float]:
        """Against the role's own labels on `select`, and against the truth on `test`."""
        select = self._predict(self._material.rows("select"))
        test_rows = self._material.rows("test")
        truth = self._material.examples.labels[test_rows]
        seen = self._material.labels("select").argmax(-1)
        return accuracy(select.argmax(-1), seen), accuracy(self._predict(test_rows).argmax(-1), truth)

    def predictions(self) -> Predictions:
        rows = np.concatenate([self._material.rows(split) for split in self._material.predicted])
        examples = self._material.examples.take(rows.tolist())
        return Predictions(ids=examples.ids, splits=examples.splits, p_NC=self._predict(rows))

    def _predict(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        from w2s_ray.training.predict import predict

        num_classes = self._material.facts["num_classes"]
        return predict(
            self._engine, self._tokens, rows, batch=self._recipe.predict_batch, num_classes=num_classes
        )


def _prepare(job: Job, worker: Worker, material: Material) -> tuple[Any, Any, dict[str, Any]]:
    """The engine with the model in it, the tokens of all examples, and facts for the record."""
    from w2s_ray.models.build import HeadPlan, build, enable_gradient_checkpointing
    from w2s_ray.models.encode import encode
    from w2s_ray.training.batches import Tokens
    from w2s_ray.training.engine import build_engine

    recipe: TrainSpec = job.stage.spec["recipe"]
    examples, model = material.examples, job.stage.spec["model"]
    folder = model_folder(model, job.inputs, job.places)
    head = HeadPlan(
        num_classes=material.facts["num_classes"],
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
    return engine, tokens, {"head": built.head_init, "num_parameters": parameters, "max_tokens": built.max_tokens}


def model_folder(model: ModelSpec, inputs: Mapping[str, Path], places: Mapping[str, str]) -> Path | None:
    """Where the checkpoint lies: with the stage that made it, in a local folder, in the hub's cache, or nowhere."""
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
    from w2s_ray.methods import build_method
    from w2s_ray.training.batches import Tokens
    from w2s_ray.training.loop import Lesson, Truth

    method = job.stage.spec["method"]
    rows = material.rows(material.half)
    return Lesson(
        tokens=Tokens(texts=[tokens.texts[row] for row in rows], pad_id=tokens.pad_id),
        labels_NC=material.labels(material.half),
        objective=build_method(method) if method else Truth(),
        prior=material.prior,
        recipe=job.stage.spec["recipe"],
        seed=derived_seed(job.stage.spec["seed"], "order"),
        micro_tokens=job.layout.micro_tokens,
    )


def _metrics(material: Material, predictions: Predictions) -> dict[str, float]:
    """Accuracy and AUROC against the truth by split, and on `select` against the labels the role may see."""
    truth = material.examples.truth
    metrics: dict[str, float] = {}
    for split in material.predicted:
        part = predictions.where(split)
        labels_N = np.array([truth[name] for name in part.ids])
        metrics[f"accuracy/{split}"] = accuracy(part.p_NC.argmax(-1), labels_N)
        area = auroc(part.p_NC[:, 1], labels_N) if part.p_NC.shape[1] == 2 else None
        if area is not None:
            metrics[f"auroc/{split}"] = area
    select = predictions.where("select")
    seen = material.labels("select").argmax(-1)
    metrics["select_accuracy"] = accuracy(select.p_NC.argmax(-1), seen)
    return metrics


def _write(out: Path, material: Material, predictions: Predictions, progress: Any, metrics: Mapping[str, float]) -> None:
    import pandas as pd

    write_predictions(out, predictions)
    curve = list(progress.curve)
    if curve and curve[-1].test_accuracy is None:
        curve[-1] = replace(
            curve[-1], select_accuracy=metrics["select_accuracy"], test_accuracy=metrics["accuracy/test"]
        )
    pd.DataFrame([asdict(point) for point in curve]).to_parquet(out / "curve.parquet", index=False)
    (out / "metrics.json").write_text(json.dumps(dict(metrics), indent=1, sort_keys=True))
