"""A sweep file as it was written: its data, where each value stands, and what the command line changed.

`presets` are variants of the file: `preset: NAME` puts the sections of one in the place of the file's own, whole,
before anything else on the command line is applied.

Errors are collected with the place of their value (a line, or the override that set it) and raised together.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from w2s_ray.core.errors import ConfigError
from w2s_ray.core.registry import unknown
from w2s_ray.sweep.strict_yaml import Where, YamlError, load, parse

MAX_SHOWN = 50  # errors of one file
_LAST = (1 << 30, 0)  # overrides are reported after the lines of the file


class Document:
    """Data, marks, and the errors found so far."""

    def __init__(self, path: Path, overrides: Sequence[str] = ()) -> None:
        parsed = load(path)
        self.data: dict[str, Any] = parsed.data
        self._path = path
        self._marks = parsed.marks
        self._overridden: dict[Where, str] = {}
        self._problems: dict[str, tuple[int, int]] = {}
        self._take_preset([text for text in overrides if text.startswith("preset=")])
        self._names_to_mappings()
        for override in overrides:
            if override.startswith("preset="):
                continue
            self._apply(override)
            self._names_to_mappings()

    def problem(self, where: Where, message: str) -> None:
        """Note an error at a path; the same one twice is one."""
        line, place = self._place(where)
        text = f"{place}: {_dotted(where)}: {message}" if where else f"{place}: {message}"
        self._problems.setdefault(_redacted(text), line)

    def raise_problems(self) -> None:
        """ConfigError with every error so far, in the order of the file."""
        found = sorted(self._problems, key=self._problems.__getitem__)
        if len(found) > MAX_SHOWN:
            found[MAX_SHOWN:] = [f"… and {len(found) - MAX_SHOWN:,} more errors"]
        if found:
            raise ConfigError("\n".join(found))

    def _place(self, where: Where) -> tuple[tuple[int, int], str]:
        """The nearest value around `where` that stands somewhere, with the overrides inside of it."""
        inside = [f"--set {text}" for path, text in self._overridden.items()
                  if where and len(path) > len(where) and path[: len(where)] == where]  # fmt: skip
        for depth in range(len(where), -1, -1):
            prefix = where[:depth]
            if prefix in self._overridden:
                return _LAST, f"--set {self._overridden[prefix]}"
            if prefix in self._marks:
                place = f"{self._path}:{self._marks[prefix][0]}"
                return self._marks[prefix], " with ".join([place, *inside])
            if inside:
                return _LAST, " with ".join(inside)
        return (1, 1), f"{self._path}:1"

    def _take_preset(self, overrides: Sequence[str]) -> None:
        """Choose a variant, the last one that the command line names, else the file's own choice."""
        presets, chosen = self.data.pop("presets", None), self.data.pop("preset", None)
        for override in overrides:
            chosen = override.partition("=")[2]
            self._overridden[("preset",)] = override
        if chosen is None:
            return
        if not isinstance(presets, dict) or not isinstance(presets.get(chosen), dict):
            self.problem(
                ("preset",), unknown("preset", str(chosen), presets if isinstance(presets, dict) else ())
            )
            return
        for section, value in presets[chosen].items():
            self.data[section] = value
            inner = ("presets", chosen, section)
            self._marks = {where: mark for where, mark in self._marks.items() if where[:1] != (section,)}
            moved = {where[2:]: mark for where, mark in self._marks.items() if where[:3] == inner}
            self._marks |= moved

    def _names_to_mappings(self) -> None:
        """`tasks: [sst2, boolq]` is short for `tasks: {sst2: {}, boolq: {}}`; so for models."""
        for section in ("tasks", "models"):
            names = self.data.get(section)
            if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
                continue
            self.data[section] = {name: {} for name in names}
            for index, name in enumerate(names):
                mark = self._marks.pop((section, index), None)
                if mark and (section, name) in self._marks:
                    self.problem((section, name), f"{name!r} is listed twice")
                if mark:
                    self._marks[(section, name)] = mark

    def _apply(self, override: str) -> None:
        dotted, equals, text = override.partition("=")
        if not equals or not dotted:
            raise ConfigError(f"--set {override}: expected dotted.key=value")
        try:
            value = parse(text).data
        except YamlError as error:
            raise ConfigError(_redacted(f"--set {override}: {error}")) from None
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
    """A path for people; a key that would not print is shown escaped."""
    return ".".join(str(key) if str(key).isprintable() else repr(key) for key in where) or "the top level"


def _redacted(text: str) -> str:
    """The text without passwords in URLs: an error may be copied into an issue."""
    return re.sub(r"://[^/@\s]+@", "://…@", text)
