"""The numbers of one cell on one evaluated split, from the predictions of its three roles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from w2s_ray.metrics.agreement import agreement
from w2s_ray.metrics.intervals import paired_se
from w2s_ray.metrics.recovery import accuracy, auroc, recovery
from w2s_ray.tracking import names
from w2s_ray.tracking.files import Examples

if TYPE_CHECKING:
    from w2s_ray.stages.predictions import Predictions


def cell_metrics(
    rows: Examples, predictions: Mapping[str, Predictions], split: str
) -> tuple[dict[str, float], str]:
    """Metrics by name, undefined ones left out, and why PGR is undefined ("" where it is not)."""
    predicted = {role: its.answers for role, its in predictions.items()}
    found: dict[str, float | None] = {}
    for role, its in predictions.items():
        score = auroc(its.p_NC[:, 1], rows.labels) if its.p_NC.shape[1] == 2 else None
        found[names.metric("auroc", role, split)] = score
        found[names.metric("accuracy", role, split)] = accuracy(predicted[role], rows.labels)
    right = {role: (classes == rows.labels).astype(float) for role, classes in predicted.items()}
    se = paired_se(right["ceiling"] - right["weak"], rows.groups)
    weak, student, ceiling = (float(right[role].mean()) for role in names.ROLES)
    result = recovery(weak, student, ceiling, se if np.isfinite(se) else 1.0)
    found |= {names.metric(names.GAP, split): result.gap, names.metric(names.GAIN, split): result.gain}
    found |= {names.metric(names.PGR, split): result.pgr}
    found |= {names.metric(names.GAP_SE, split): se if np.isfinite(se) else None}
    agreed = agreement(predicted["student"], predicted["weak"], rows.labels)
    found |= {
        names.metric(names.AGREEMENT, where, split): getattr(agreed, where) for where in names.AGREEMENTS
    }
    return {name: value for name, value in found.items() if value is not None}, result.undefined
