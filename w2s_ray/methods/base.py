"""What a method declares, and how: `@register_method` and `parameter`.

A loss method is two pure functions. `target(student_BC, weak_BC, prior=, progress=)` makes a *goal* of the
detached global batch, a row an example; `row_loss(outputs_MC, goal_MC)` says how far each row is from its own.

Unless the method says otherwise the row loss is cross-entropy and a goal row holds class probabilities, times
the weight of the row where rows weigh differently. A method with a row loss of its own may add columns to its
goals, such as a weight that grows with training: a row loss knows nothing of the step.

Declarations import no torch, so that validation, `w2s plan` and `w2s list` stay instant.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar, runtime_checkable

from w2s_ray.core.errors import ConfigError
from w2s_ray.core.registry import Registry, unknown
from w2s_ray.core.specs import MethodSpec

if TYPE_CHECKING:
    from torch import Tensor

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


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A method's parameter, declared once: validation, the search space and the docs come from it."""

    name: str
    type: type
    default: Any
    ge: float | None
    le: float | None
    choices: tuple[Any, ...]
    doc: str

    def check(self, value: Any) -> Any:
        """The value in its declared type; ConfigError names the parameter, the value and its range."""
        if self.type is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if type(value) is not self.type:
            raise ConfigError(f"{self.name} = {value!r}: expected {self.type.__name__}")
        if self.choices and value not in self.choices:
            raise ConfigError(f"{self.name} = {value!r}: expected one of {', '.join(map(str, self.choices))}")
        if isinstance(value, int | float) and not self._in_range(value):
            raise ConfigError(f"{self.name} = {value!r}: expected {self._range()}")
        return value

    def _in_range(self, value: float) -> bool:
        above = self.ge is None or value >= self.ge
        return math.isfinite(value) and above and (self.le is None or value <= self.le)

    def _range(self) -> str:
        if self.ge is not None and self.le is not None:
            return f"{self.ge:g} … {self.le:g}"
        bounds = [
            f"{sign} {bound:g}"
            for sign, bound in (("at least", self.ge), ("at most", self.le))
            if bound is not None
        ]
        return bounds[0] if bounds else "a finite number"


def parameter(
    default: Any,
    *,
    ge: float | None = None,
    le: float | None = None,
    choices: tuple[Any, ...] = (),
    doc: str = "",
) -> Any:
    """Declare a method's parameter with its default, closed range or choices."""
    return dataclasses.field(default=default, metadata={"ge": ge, "le": le, "choices": choices, "doc": doc})


def register_method(
    name: str,
    *,
    version: int,
    kinds: set[str],
    coupled: bool = False,
    naive_at: Mapping[str, Any] | None = None,
) -> Callable[[type[M]], type[M]]:
    """Class decorator: make a frozen dataclass of a method and register it under `name`."""
    if not kinds <= set(KINDS):
        raise ValueError(f"{name}: unknown kinds {kinds - set(KINDS)}")

    def decorate(cls: type[M]) -> type[M]:
        method = dataclass(frozen=True, kw_only=True)(cls)
        method.name, method.version = name, version  # type: ignore[attr-defined]
        method.kinds, method.coupled = frozenset(kinds), coupled  # type: ignore[attr-defined]
        method.naive_at = naive_at  # type: ignore[attr-defined]
        if not hasattr(method, "row_loss"):
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
    types = {kind.__name__: kind for kind in (float, int, str, bool)}
    return {
        field.name: Parameter(
            name=field.name,
            type=types[getattr(field.type, "__name__", str(field.type))],
            default=field.default,
            **field.metadata,
        )
        for field in dataclasses.fields(METHODS[name])
    }


def method_spec(name: str, params: Mapping[str, Any]) -> MethodSpec:
    """The checked specification of a method, defaults filled in; ConfigError names what is wrong."""
    declared = parameters(name)
    for key in params:
        if key not in declared:
            raise ConfigError(f"{name}: {unknown('parameter', key, declared)}" if declared
                              else f"method {name!r} has no parameter {key!r} (it has none)")  # fmt: skip
    values = {key: entry.check(params.get(key, entry.default)) for key, entry in declared.items()}
    return MethodSpec(name=name, version=METHODS[name].version, params=values)


def build_method(spec: MethodSpec) -> Any:
    """The method that a specification names."""
    return METHODS[spec.name](**spec.params)
