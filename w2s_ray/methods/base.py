"""What a method declares, and how: `@register_method` and `parameter`.

A loss method is two pure functions. `target(student_BC, weak_BC, prior=, progress=)` makes a *goal* of the
detached global batch, a row an example; `row_loss(outputs_MC, goal_MC)` says how far each row is from its own.

Unless the method says otherwise the row loss is cross-entropy and a goal row holds class probabilities, times
the weight of the row where rows weigh differently. A method with a row loss of its own may add columns to its
goals, such as a weight that grows with training: a row loss knows nothing of the step.

A strategy (plan.py) has `student` instead: it says from which labels, and in which steps, students learn by
another method.

Declarations import no torch, so that validation, `w2s plan` and `w2s list` stay instant.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar, runtime_checkable

from w2s_ray.core.errors import ConfigError
from w2s_ray.core.registry import Registry, unknown
from w2s_ray.core.specs import MethodSpec
from w2s_ray.methods.parameters import TYPES, Parameter, parameter

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "KINDS",
    "METHODS",
    "Method",
    "Parameter",
    "Truth",
    "build_method",
    "cross_entropy",
    "is_strategy",
    "kinds_of",
    "method_spec",
    "parameter",
    "parameters",
    "problems_of",
    "register_method",
    "warmed_up",
]

KINDS = ("binary", "kclass", "pairwise", "text")


@runtime_checkable
class Method(Protocol):
    """A registered method, as the training loop meets it.

    `coupled` says that a row's target depends on the other rows of its global batch, so that the target must
    be computed over the whole batch before any loss. `naive_at` are parameters at which the method is `naive`,
    or None where there are none.
    """

    name: ClassVar[str]
    version: ClassVar[int]
    kinds: ClassVar[frozenset[str]]
    coupled: ClassVar[bool]
    naive_at: ClassVar[Mapping[str, Any] | None]

    def target(self, student_BC: Tensor, weak_BC: Tensor, *, prior: float, progress: float) -> Tensor: ...
    def row_loss(self, outputs_MC: Tensor, goal_MC: Tensor) -> Tensor: ...


METHODS: Registry[type[Any]] = Registry("method", package="w2s_ray.methods")
M = TypeVar("M")


def register_method(
    name: str,
    *,
    version: int,
    kinds: set[str],
    coupled: bool = False,
    naive_at: Mapping[str, Any] | None = None,
    asks: bool = False,
) -> Callable[[type[M]], type[M]]:
    """Class decorator: make a frozen dataclass of a method and register it under `name`.

    One that `asks` puts questions to a language model, after `k` examples where it has such a parameter.
    """
    if not kinds <= set(KINDS):
        raise ValueError(f"{name}: unknown kinds {kinds - set(KINDS)}")

    def decorate(cls: type[M]) -> type[M]:
        method = dataclass(frozen=True, kw_only=True)(cls)
        method.name, method.version = name, version  # type: ignore[attr-defined]
        method.kinds, method.coupled = frozenset(kinds), coupled  # type: ignore[attr-defined]
        method.naive_at, method.asks = naive_at, asks  # type: ignore[attr-defined]
        if hasattr(method, "target") and not hasattr(method, "row_loss"):
            method.row_loss = staticmethod(cross_entropy)  # type: ignore[attr-defined]
        METHODS.add(name)(method)
        return method

    return decorate


class Truth:
    """Learn the labels that are given, as they are: ground truth for supervisors and ceilings. No method."""

    coupled = False

    def target(self, student_BC: Tensor, weak_BC: Tensor, *, prior: float, progress: float) -> Tensor:
        """The labels, whatever the student thinks."""
        return weak_BC

    def row_loss(self, outputs_MC: Tensor, goal_MC: Tensor) -> Tensor:
        """Cross-entropy of logits against probabilities, a row."""
        return cross_entropy(outputs_MC, goal_MC)


def cross_entropy(logits_MC: Tensor, goal_MC: Tensor) -> Tensor:
    """-sum_c goal_c log softmax(logits)_c of each row: the loss of a method that names no other."""
    return -(goal_MC * logits_MC.log_softmax(-1)).sum(-1)


def warmed_up(alpha: float, *, warmup: float, progress: float) -> float:
    """alpha * min(1, progress / warmup): from 0 to `alpha` over the first `warmup` of all steps, then constant."""
    return alpha * min(1.0, progress / warmup) if warmup else alpha


def parameters(name: str) -> dict[str, Parameter]:
    """The declared parameters of method `name`."""
    return {
        field.name: Parameter(
            name=field.name,
            type=TYPES[getattr(field.type, "__name__", str(field.type))],
            default=field.default,
            **field.metadata,
        )
        for field in dataclasses.fields(METHODS[name])
    }


def method_spec(name: str, params: Mapping[str, Any]) -> MethodSpec:
    """The checked specification of a method, defaults filled in; ConfigError names what is wrong.

    A parameter that is itself a method may be given by its name, or as {name: parameters}.
    """
    declared = parameters(name)
    for key in params:
        if key not in declared:
            raise ConfigError(f"{name}: {unknown('parameter', key, declared)}" if declared
                              else f"method {name!r} has no parameter {key!r} (it has none)")  # fmt: skip
    given = {key: _nested(declared[key], value) for key, value in params.items()}
    values = {key: entry.check(given.get(key, entry.default)) for key, entry in declared.items()}
    return MethodSpec(name=name, version=METHODS[name].version, params=values)


def build_method(spec: MethodSpec) -> Any:
    """The method that a specification names."""
    return METHODS[spec.name](**spec.params)


def is_strategy(name: str) -> bool:
    """Whether a method says from which labels, and in which steps, a student learns, rather than by which loss."""
    return hasattr(METHODS[name], "student")


def problems_of(spec: MethodSpec) -> list[str]:
    """What parameters that are each allowed do not mean together, in a method and in those inside it."""
    method, inner = METHODS[spec.name], [one for one in spec.params.values() if isinstance(one, MethodSpec)]
    own = [method.problem(spec.params)] if hasattr(method, "problem") else []
    found = [f"method {spec.name!r}: {problem}" for problem in own if problem]
    return [*found, *(problem for one in inner for problem in problems_of(one))]


def kinds_of(spec: MethodSpec) -> frozenset[str]:
    """The kinds of task that a method fits with all the methods inside it."""
    inner = [value for value in spec.params.values() if isinstance(value, MethodSpec)]
    return frozenset(METHODS[spec.name].kinds).intersection(*map(kinds_of, inner))


def _nested(declared: Parameter, value: Any) -> Any:
    if declared.type is not MethodSpec or isinstance(value, MethodSpec):
        return value
    if isinstance(value, str):
        return method_spec(value, {})
    if isinstance(value, Mapping) and len(value) == 1:
        ((name, params),) = value.items()
        return method_spec(name, params or {})
    return value
