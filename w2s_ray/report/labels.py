"""Short names of methods: only the parameters in which arms of one method differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

CONTROL = "control (not pretrained)"


def method_labels(arms: Sequence[tuple[str, Mapping[str, Any]]]) -> list[str]:
    """A label per (method, params): `naive`, and `confidence(alpha=0.5)` where alpha is not always that.

    A method within a method, {"method": …, "params": …}, is labelled by the same rule: `filter(then=confidence)`.
    """
    arms = _with_inner_labels(arms)
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


def _with_inner_labels(
    arms: Sequence[tuple[str, Mapping[str, Any]]],
) -> list[tuple[str, Mapping[str, Any]]]:
    """Methods within the parameters, each by the label that it has among those of the same parameter."""
    found = [(name, dict(params)) for name, params in arms]
    places: dict[tuple[str, str], list[int]] = {}
    for place, (name, params) in enumerate(found):
        for key in params:
            if _is_method(params[key]):
                places.setdefault((name, key), []).append(place)
    for (_, key), its in places.items():
        inner = [found[place][1][key] for place in its]
        labels = method_labels([(each["method"], each["params"]) for each in inner])
        for place, label in zip(its, labels, strict=True):
            found[place][1][key] = label
    return list(found)


def _is_method(value: object) -> bool:
    return isinstance(value, Mapping) and set(value) == {"method", "params"}


def _short(value: Any) -> str:
    if _is_method(value):
        return full_label(value["method"], value["params"])
    if isinstance(value, list | tuple):
        return "+".join(map(_short, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)
