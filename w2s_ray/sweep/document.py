"""A sweep file as it was written: its data, where each value stands, and what the command line changed.

Errors are collected with the place of their value (a line, or the override that set it) and raised together.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from w2s_ray.core.errors import ConfigError
from w2s_ray.sweep.strict_yaml import Where, load, parse


class Document:
    """Data, marks, and the errors found so far."""

    def __init__(self, path: Path, overrides: Sequence[str] = ()) -> None:
        parsed = load(path)
        self.data: dict[str, Any] = parsed.data
        self._path = path
        self._marks = parsed.marks
        self._overridden: dict[Where, str] = {}
        self._problems: dict[str, tuple[int, int]] = {}
        for section in ("tasks", "models"):
            self._names_to_mapping(section)
        for override in overrides:
            self._apply(override)

    def problem(self, where: Where, message: str) -> None:
        """Note an error at a path; the same one twice is one."""
        line, place = self._place(where)
        dotted = ".".join(map(str, where))
        self._problems.setdefault(f"{place}: {dotted}: {message}" if dotted else f"{place}: {message}", line)

    def raise_problems(self) -> None:
        """ConfigError with every error so far, in the order of the file."""
        if self._problems:
            raise ConfigError("\n".join(sorted(self._problems, key=lambda text: self._problems[text])))

    def _place(self, where: Where) -> tuple[tuple[int, int], str]:
        """The nearest value around `where` that stands somewhere."""
        for depth in range(len(where), -1, -1):
            prefix = where[:depth]
            if prefix in self._overridden:
                return (1 << 30, 0), f"--set {self._overridden[prefix]}"
            if prefix in self._marks:
                return self._marks[prefix], f"{self._path}:{self._marks[prefix][0]}"
        return (1, 1), f"{self._path}:1"

    def _names_to_mapping(self, section: str) -> None:
        """`tasks: [sst2, boolq]` is short for `tasks: {sst2: {}, boolq: {}}`."""
        names = self.data.get(section)
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            return
        for index, name in enumerate(names):
            self._marks[(section, name)] = self._marks.pop((section, index))
            if name in names[:index]:
                self.problem((section, name), f"{name!r} is listed twice")
        self.data[section] = {name: {} for name in names}

    def _apply(self, override: str) -> None:
        dotted, equals, text = override.partition("=")
        if not equals or not dotted:
            raise ConfigError(f"--set {override}: expected dotted.key=value")
        value = parse(text, f"--set {override}").data
        where = self._set(dotted, value, override)
        for known in [known for known in self._marks if known[: len(where)] == where]:
            del self._marks[known]
        for known in [known for known in self._overridden if known[: len(where)] == where]:
            del self._overridden[known]
        self._overridden[where] = override

    def _set(self, dotted: str, value: Any, override: str) -> Where:
        """Put the value where the dotted path leads, making mappings on the way; the path it has."""
        parent: Any = self.data
        where: Where = ()
        rest = dotted
        while True:
            key, rest = _next_key(parent, rest)
            if isinstance(parent, list):
                if not (isinstance(key, int) and key < len(parent)):
                    raise ConfigError(
                        f"--set {override}: {_dotted(where)} is a list of {len(parent)}; {key!r} is no index"
                    )
            elif not isinstance(parent, dict):
                raise ConfigError(f"--set {override}: {_dotted(where)} is {parent!r}, which has no {key!r}")
            where = (*where, key)
            if not rest:
                parent[key] = value
                return where
            if isinstance(parent, dict) and parent.get(key) is None:
                parent[key] = {}
            parent = parent[key]


def _next_key(parent: Any, dotted: str) -> tuple[str | int, str]:
    """The first key of a dotted path and the rest; a key that exists and has dots itself is one key."""
    if isinstance(parent, dict):
        for key in sorted(parent, key=len, reverse=True):
            if dotted == key or dotted.startswith(f"{key}."):
                return key, dotted[len(key) + 1 :]
    first, _, rest = dotted.partition(".")
    return (int(first) if isinstance(parent, list) and first.isascii() and first.isdigit() else first), rest


def _dotted(where: Where) -> str:
    return ".".join(map(str, where)) or "the top level"
