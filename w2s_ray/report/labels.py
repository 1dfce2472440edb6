"""Short names of methods: only the parameters in which arms of one method differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

CONTROL = "control (not pretrained)"


def method_labels(arms: Sequence[tuple[str, Mapping[str, Any]]]) -> list[str]:
    """A label per (method, params): `naive`, and `confidence(alpha=0.5)` where alpha is not always that."""
    varying: dict[str, list[str]] = {}
    for method in dict.fromkeys(name for name, _ in arms):
        its = [params for name, params in arms if name == method]
        keys = sorted({key for params in its for key in params})
        varying[method] = [key for key in keys if len({repr(params.get(key)) for params in its}) > 1]
    return [
        full_label(name, {key: params[key] for key in varying[name] if key in params})
        for name, params in arms
    ]


def full_label(method: str, params: Mapping[str, Any]) -> str:
    """`confidence(alpha=0.5,warmup=0.2)`."""
    inner = ",".join(f"{name}={_short(value)}" for name, value in sorted(params.items()))
    return f"{method}({inner})" if inner else method


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
