"""The further numbers of one cell, on its test rows: correction, calibration, misfit, and its student's stops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from w2s_ray.metrics import calibration
from w2s_ray.metrics.agreement import correction
from w2s_ray.metrics.misfit import kl_misfit, squared_misfit
from w2s_ray.metrics.stops import stops
from w2s_ray.tracking import names
from w2s_ray.tracking.files import Examples

if TYPE_CHECKING:
    from w2s_ray.stages.predictions import Predictions

_TEST = "test"


def analysis_metrics(
    rows: Examples, predictions: Mapping[str, Predictions], curve: Sequence[Mapping[str, Any]]
) -> dict[str, float]:
    """Metrics by name, undefined ones left out, from the predictions of the three roles and the student's curve.

    Where answers are texts there is no Brier score and no misfit: a text is one of a boundless number of classes.
    """
    right = {role: its.answers == rows.labels for role, its in predictions.items()}
    found: dict[str, float | None] = {}
    for role, its in predictions.items():
        if np.isfinite(its.p_NC).all():
            found |= {
                names.metric(name, role, _TEST): value
                for name, value in _calibration(its, right[role], rows).items()
            }
    repaired = correction(right["student"], right["weak"])
    found |= {names.metric(name, _TEST): getattr(repaired, name) for name in names.CORRECTIONS}
    found |= _misfits(rows, predictions["student"], predictions["weak"])
    found |= {names.metric(names.STOP, rule, _TEST): value for rule, value in (stops(curve) or {}).items()}
    return {name: value for name, value in found.items() if value is not None}


def _calibration(its: Predictions, right_N: Any, rows: Examples) -> dict[str, float | None]:
    confidence_N = its.p_NC.max(-1)
    return {
        "ece": calibration.ece(confidence_N, right_N),
        "adaptive_ece": calibration.adaptive_ece(confidence_N, right_N),
        "brier": None if its.texts else calibration.brier(its.p_NC, rows.labels),
    }


def _misfits(rows: Examples, student: Predictions, weak: Predictions) -> dict[str, float | None]:
    pair = (student.p_NC, weak.p_NC)
    if student.texts or weak.texts or not all(np.isfinite(p_NC).all() for p_NC in pair):
        return {}
    found = {"squared": squared_misfit(*pair, rows.labels), "kl": kl_misfit(*pair, rows.labels)}
    return {
        names.metric(word, divergence, _TEST): getattr(its, word)
        for divergence, its in found.items()
        if its is not None
        for word in (names.MISFIT, names.GAIN)
    }
