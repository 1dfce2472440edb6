"""What a role leaves: `predictions.parquet`, `curve.parquet`, `metrics.json`, and the numbers in them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from w2s_ray.metrics.recovery import accuracy, auroc
from w2s_ray.stages.material import Material
from w2s_ray.stages.predictions import Predictions, write_predictions
from w2s_ray.training.progress import CurvePoint, Progress

LOSS_POINTS = 20  # of a curve: enough to see a loss that does not fall


def write_results(
    out: Path, material: Material, predictions: Predictions, progress: Progress, *, leads: bool
) -> dict[str, float]:
    """Write the three files, on the leading worker alone; returns the metrics, on every worker."""
    metrics = _metrics(material, predictions)
    curve = with_losses(_completed(progress.curve, metrics), progress.losses)
    metrics |= _course(progress, curve)
    if leads:
        _write(out, predictions, curve, metrics)
    return metrics


def write_answers(
    out: Path, material: Material, predictions: Predictions, *, leads: bool
) -> dict[str, float]:
    """As `write_results`, of a model that was asked and not trained: there is no curve."""
    metrics = _metrics(material, predictions)
    if leads:
        _write(out, predictions, (), metrics)
    return metrics


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


def _metrics(material: Material, predictions: Predictions) -> dict[str, float]:
    """Accuracy and AUROC against the truth by split, and on `select` against the labels the role may see."""
    found: dict[str, float | None] = {}
    for split in material.predicted:
        its, truth_N = predictions.where(split), material.truth(split)
        found[f"accuracy/{split}"] = accuracy(its.answers, truth_N)
        found[f"auroc/{split}"] = auroc(its.p_NC[:, 1], truth_N) if material.num_classes == 2 else None
        found |= {f"{name}/{split}": value for name, value in material.scores(its).items()}
    found["select_accuracy"] = accuracy(predictions.where("select").answers, material.seen("select"))
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
    if curve:
        pd.DataFrame([asdict(point) for point in curve]).to_parquet(out / "curve.parquet", index=False)
    (out / "metrics.json").write_text(json.dumps(dict(metrics), indent=1, sort_keys=True))
