"""Where a training might have stopped, and how good it was there (Burns et al. 2023, figures 7 and 13).

`weak-val` stops where the student agrees best with the weak labels of held-out rows, and is a rule that one may
use. `oracle` stops where it is best on the truth: reported, never used to choose.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

RULES = ("last", "weak-val", "oracle")


def stops(curve: Sequence[Mapping[str, float | None]]) -> dict[str, float] | None:
    """Test accuracy in 0..1 by rule, or None where the course was not seen at two steps at least.

    A point has `step`, `select_accuracy` (against the labels that the role may see) and `test_accuracy` (against
    the truth); one that lacks either tells nothing. Of equally good points the earliest counts, as in training.
    """
    seen = [point for point in curve if _is_known(point, "select_accuracy", "test_accuracy")]
    if len(seen) < 2:
        return None
    seen = sorted(seen, key=lambda point: _value(point, "step"))
    chosen = {
        "last": seen[-1],
        "weak-val": max(seen, key=lambda point: _value(point, "select_accuracy")),
        "oracle": max(seen, key=lambda point: _value(point, "test_accuracy")),
    }
    return {rule: _value(chosen[rule], "test_accuracy") for rule in RULES}


def _is_known(point: Mapping[str, float | None], *names: str) -> bool:
    return all(point.get(name) is not None and np.isfinite(_value(point, name)) for name in names)


def _value(point: Mapping[str, float | None], name: str) -> float:
    value = point[name]
    assert value is not None
    return float(value)
