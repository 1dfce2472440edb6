"""A method's parameters, declared once: validation, the search space, `w2s show` and the docs come from it."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from w2s_ray.core.errors import ConfigError
from w2s_ray.core.specs import MethodSpec

# The types that a parameter may be declared with; a tuple holds names of the sweep's models.
TYPES: dict[str, type] = {
    "float": float,
    "int": int,
    "str": str,
    "bool": bool,
    "tuple[str, ...]": tuple,
    "MethodSpec": MethodSpec,
}
_EXPECTED: dict[type, str] = {
    tuple: "a list of models' names, each once",
    MethodSpec: "a method: its name, or {name: {parameter: value}}",
}


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """What a method declares of one parameter. `type` is a value of `TYPES`."""

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
        if self.type is tuple and isinstance(value, list):
            value = tuple(value)
        if type(value) is not self.type or (isinstance(value, tuple) and not _are_names(value)):
            raise ConfigError(
                f"{self.name} = {value!r}: expected {_EXPECTED.get(self.type, self.type.__name__)}"
            )
        if self.choices and value not in self.choices:
            raise ConfigError(f"{self.name} = {value!r}: expected one of {', '.join(map(str, self.choices))}")
        if isinstance(value, int | float) and not self._in_range(value):
            raise ConfigError(f"{self.name} = {value!r}: expected {self._range()}")
        return value

    @property
    def domain(self) -> str:
        """What a value may be, in words."""
        if self.choices:
            return ", ".join(map(str, self.choices))
        if self.type is bool:
            return "true, false"
        return self._range() if self.type in (int, float) else _EXPECTED.get(self.type, self.type.__name__)

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


def _are_names(values: tuple[Any, ...]) -> bool:
    distinct = len(set(map(str, values))) == len(values)
    return distinct and all(isinstance(value, str) and value for value in values)
