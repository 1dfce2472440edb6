"""The space of methods: first which method, then that method's own parameters.

In grid mode lists are enumerated; in search mode an Optuna trial suggests. The trial is duck-typed: nothing
here imports Optuna. Every point is a checked MethodSpec, so `naive × alpha` cannot exist. A parameter that is a
method itself has a space of its own.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from w2s_ray.core.errors import ConfigError
from w2s_ray.core.identity import digest
from w2s_ray.core.registry import unknown
from w2s_ray.core.specs import MethodSpec
from w2s_ray.methods import METHODS, method_spec, parameters
from w2s_ray.methods.base import Parameter

SAMPLES = 1000
RANGE_KEYS = frozenset({"low", "high", "log", "step"})


class Trial(Protocol):
    """What a space asks of an Optuna trial."""

    def suggest_categorical(self, name: str, choices: Any) -> Any: ...
    def suggest_float(
        self, name: str, low: float, high: float, *, step: Any = None, log: bool = False
    ) -> float: ...
    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int: ...


@dataclass(frozen=True, kw_only=True)
class Range:
    """A closed interval of numbers, for search only; `step` None is continuous (or 1 for integers)."""

    low: float
    high: float
    log: bool = False
    step: float | None = None
    integer: bool = False

    @property
    def size(self) -> float:
        """The number of points, infinite where it is continuous."""
        if self.integer or self.step:
            return math.floor((self.high - self.low) / (self.step or 1) + 1e-9) + 1
        return math.inf

    def suggest(self, trial: Trial, name: str) -> float:
        if self.integer:
            return trial.suggest_int(
                name, int(self.low), int(self.high), step=int(self.step or 1), log=self.log
            )
        return trial.suggest_float(name, self.low, self.high, step=self.step, log=self.log)


@dataclass(frozen=True, kw_only=True)
class MethodSpace:
    """One method and what its parameters may be: a tuple of choices, a Range, or the Space of a method."""

    name: str
    params: Mapping[str, Item] = field(default_factory=dict)

    @property
    def size(self) -> float:
        return math.prod(len(item) if isinstance(item, tuple) else item.size for item in self.params.values())

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of task that the method fits, whichever methods are inside it."""
        inner = [item for item in self.params.values() if isinstance(item, Space)]
        kinds = frozenset(METHODS[self.name].kinds)
        return kinds.intersection(*(one.kinds for space in inner for one in space.methods))

    @property
    def asking(self) -> tuple[MethodSpace, ...]:
        """This method and those inside it that put questions to a language model."""
        inner = [one for item in self.params.values() if isinstance(item, Space) for one in item.methods]
        asking = (found for one in inner for found in one.asking)
        return (*((self,) if METHODS[self.name].asks else ()), *asking)

    @property
    def models(self) -> frozenset[str]:
        """All models that the method names, by the sweep's names."""
        found: set[str] = set()
        for key, item in self.params.items():
            if isinstance(item, Space):
                found = found.union(*(one.models for one in item.methods))
            elif isinstance(item, tuple) and parameters(self.name)[key].type is tuple:
                found = found.union(*item)
        return frozenset(found)

    def grid(self) -> Iterable[MethodSpec]:
        """Every point, the last parameter varying fastest; ranges have none."""
        names = list(self.params)
        choices = [
            item.grid() if isinstance(item, Space) else item
            for item in self.params.values()
            if not isinstance(item, Range)
        ]
        assert len(choices) == len(names), "a range has no grid: validation lets it through in a search only"
        for values in itertools.product(*choices):
            yield method_spec(self.name, dict(zip(names, values, strict=True)))

    def samples(self) -> Iterable[MethodSpec]:
        """Points to look at before any is made: the first ones of the grid, a range at its lower end."""
        return itertools.islice(self._at_lower_ends().grid(), SAMPLES)

    def _at_lower_ends(self) -> MethodSpace:
        return MethodSpace(name=self.name, params={key: _lowest(item) for key, item in self.params.items()})

    def suggest(self, trial: Trial, within: str = "") -> MethodSpec:
        """One point; a parameter with a single choice is not asked for."""
        return method_spec(self.name, {key: self._ask(trial, key, within) for key in self.params})

    def _ask(self, trial: Trial, key: str, within: str) -> Any:
        item, name = self.params[key], f"{within}{self.name}.{key}"
        if isinstance(item, Range):
            return item.suggest(trial, name)
        if isinstance(item, Space):
            return item.suggest(trial, f"{name}.")
        return item[0] if len(item) == 1 else trial.suggest_categorical(name, list(item))


@dataclass(frozen=True, kw_only=True)
class Space:
    """The methods of a pair."""

    methods: tuple[MethodSpace, ...]

    @property
    def size(self) -> float:
        """The number of points, counted without enumerating them; infinite with a continuous range."""
        return sum(method.size for method in self.methods)

    def grid(self) -> tuple[MethodSpec, ...]:
        """All points in the order written, equal ones once."""
        points = (spec for method in self.methods for spec in method.grid())
        return tuple({digest(spec): spec for spec in points}.values())

    def suggest(self, trial: Trial, within: str = "") -> MethodSpec:
        """A method, then its parameters, asked of an Optuna trial as `method` and `<method>.<parameter>`.

        What is inside a parameter is asked for after its name: `filter.then.confidence.alpha`.
        """
        by_name = {method.name: method for method in self.methods}
        names = list(by_name)
        name = names[0] if len(names) == 1 else trial.suggest_categorical(f"{within}method", names)
        return by_name[name].suggest(trial, within)


Item = tuple[Any, ...] | Range | Space


def _lowest(item: Item) -> Item:
    if isinstance(item, Range):
        return (int(item.low) if item.integer else item.low,)
    if isinstance(item, Space):
        return Space(methods=tuple(method._at_lower_ends() for method in item.methods))
    return item


def method_space(name: str, params: Mapping[str, Any], *, search: bool) -> MethodSpace:
    """The space of one entry of `methods:`; ConfigError has the parameter, its value, what is expected."""
    if name not in METHODS:
        raise ConfigError(unknown("method", name, METHODS))
    declared = parameters(name)
    for key in params:
        if key not in declared:
            raise ParameterError(key, _no_such(name, key, declared))
    return MethodSpace(
        name=name, params={key: _item(declared[key], value, search) for key, value in params.items()}
    )


class ParameterError(ConfigError):
    """A method's parameter is wrong; `key` says which, so that its line can be found."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


def _no_such(name: str, key: str, declared: Mapping[str, Parameter]) -> str:
    if not declared:
        return f"method {name!r} has no parameter {key!r} (it has none)"
    return f"method {name!r}: {unknown('parameter', key, declared)}"


def method_entry(entry: Any, *, search: bool) -> MethodSpace:
    """The space of a method's name, or of {name: parameters}."""
    if isinstance(entry, str):
        return method_space(entry, {}, search=search)
    if isinstance(entry, Mapping) and len(entry) == 1:
        ((name, params),) = entry.items()
        if params is None or isinstance(params, Mapping):
            return method_space(name, params or {}, search=search)
    raise ConfigError(f"expected a method's name or {{name: {{parameter: value}}}}; found {entry!r}"[:200])


def _item(parameter: Parameter, value: Any, search: bool) -> Item:
    try:
        if parameter.type is MethodSpec:
            entries = value if isinstance(value, list) else [value]
            return Space(methods=tuple(method_entry(entry, search=search) for entry in entries))
        if isinstance(value, Mapping):
            return _range(parameter, value, search)
        is_grid = isinstance(value, list) and (
            parameter.type is not tuple or any(isinstance(one, list) for one in value)
        )
        choices = value if is_grid else [value]
        if not choices:
            raise ConfigError(f"{parameter.name} = []: an empty grid; give at least one value")
        return _distinct(parameter, [parameter.check(choice) for choice in choices])
    except ParameterError as error:
        raise ParameterError(f"{parameter.name}.{error.key}", str(error)) from None
    except ConfigError as error:
        raise ParameterError(parameter.name, str(error)) from None


def _distinct(parameter: Parameter, choices: list[Any]) -> tuple[Any, ...]:
    for choice, count in Counter(choices).items():
        if count > 1:
            raise ConfigError(f"{parameter.name}: {choice!r} is listed twice")
    return tuple(choices)


def _range(parameter: Parameter, value: Mapping[str, Any], search: bool) -> Range:
    if not search:
        raise ConfigError(f"{parameter.name}: a range needs a `search:` section; a grid lists its values")
    if parameter.type not in (int, float):
        raise ConfigError(
            f"{parameter.name}: a range of {parameter.type.__name__} does not exist; list the choices"
        )
    for key in value:
        if key not in RANGE_KEYS:
            raise ConfigError(f"{parameter.name}: {unknown('key of a range', str(key), RANGE_KEYS)}")
    if not {"low", "high"} <= set(value):
        raise ConfigError(f"{parameter.name}: a range has both low and high")
    low, high = parameter.check(value["low"]), parameter.check(value["high"])
    log, step = value.get("log", False), value.get("step")
    if not low < high:
        raise ConfigError(f"{parameter.name}: low = {low} is not below high = {high}")
    if not isinstance(log, bool) or (log and (low <= 0 or step is not None)):
        raise ConfigError(f"{parameter.name}: log is true or false; true needs low above 0 and no step")
    if step is not None and not _is_step(step, parameter.type):
        raise ConfigError(f"{parameter.name}: step = {step!r} is no positive {parameter.type.__name__}")
    if step is not None and abs((high - low) / step - round((high - low) / step)) > 1e-9:
        raise ConfigError(f"{parameter.name}: step = {step} does not lead from {low} to {high}")
    return Range(low=low, high=high, log=log, step=step, integer=parameter.type is int)


def _is_step(step: Any, kind: type) -> bool:
    numeric = isinstance(step, int) or (kind is float and isinstance(step, float))
    return numeric and not isinstance(step, bool) and 0 < step < math.inf
