"""YAML that means one thing: 1.2 core scalars, no duplicate keys, no tags that run code, marks kept.

PyYAML alone reads `1e-5` as a string, `no` as False and `12:30:00` as 45000, and keeps the last of two equal
keys. `load` gives plain data (dict, list, str, int, float, bool, None) and the line of every key and item;
what the data mean is the business of `config`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from w2s_ray.core.errors import ConfigError

Where = tuple[str | int, ...]

TEXT_KEYS = (("labels",),)  # mappings whose keys are data: text as it is written, quoted or not
MAX_BYTES = 100_000
MAX_NODES = 50_000  # after expansion of aliases: a sweep is written by hand

_TAG = "tag:yaml.org,2002:"
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(
    r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)
_CORE = (
    ("null", re.compile(r"(~|null|Null|NULL|)\Z"), ["~", "n", "N", ""]),
    ("bool", re.compile(r"(true|True|TRUE|false|False|FALSE)\Z"), list("tTfF")),
    ("int", re.compile(rf"({_INT.pattern})\Z"), list("-+0123456789")),
    ("float", re.compile(rf"({_FLOAT.pattern})\Z"), list("-+0123456789.")),
    ("merge", re.compile(r"<<\Z"), ["<"]),
)


class YamlError(ConfigError):
    """The text is not the YAML that is read here; `line` counts from 1."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True, kw_only=True)
class Parsed:
    """Plain data, and (line, column), from 1, of every mapping key and list item by its path."""

    data: Any
    marks: dict[Where, tuple[int, int]] = field(default_factory=dict)


class _Loader(yaml.SafeLoader):
    """PyYAML's parser with the scalars of YAML 1.2's core schema."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012  (PyYAML's own protocol)


for _name, _pattern, _first in _CORE:
    _Loader.add_implicit_resolver(_TAG + _name, _pattern, _first)


def load(path: Path) -> Parsed:
    """The one mapping that the file at `path` holds; ConfigError names the file and the line."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from None
    if len(raw) > MAX_BYTES:
        raise ConfigError(f"{path}: {len(raw):,} bytes; a sweep file has at most {MAX_BYTES:,}")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 (byte {error.start})") from None
    try:
        parsed = parse(text)
    except YamlError as error:
        raise ConfigError(f"{path}:{error.line}: {error}") from None
    if not isinstance(parsed.data, dict):
        found = "nothing" if parsed.data is None else f"a {type(parsed.data).__name__}"
        raise ConfigError(f"{path}:1: expected a mapping such as 'name: mine', found {found}")
    return parsed


def parse(text: str) -> Parsed:
    """Data and marks of one YAML document; raises YamlError."""
    try:
        node = yaml.compose(text, Loader=_Loader)
        reader = _Reader()
        return Parsed(data=None if node is None else reader.read(node, ()), marks=reader.marks)
    except yaml.MarkedYAMLError as error:
        raise YamlError(error.problem_mark.line + 1 if error.problem_mark else 1, _explain(error)) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise YamlError(line, f"the character U+{ord(text[error.position]):04X} is not allowed") from None
    except RecursionError:
        raise YamlError(1, "nested too deep") from None


def _explain(error: yaml.MarkedYAMLError) -> str:
    if "'\\t'" in str(error.problem):
        return "a tab cannot indent YAML; use spaces"
    if "but found another document" in str(error.problem):
        return "a second document begins here; a sweep file holds one"
    return f"not YAML: {error.problem}" + (f" ({error.context})" if error.context else "")


class _Reader:
    """Turns nodes into plain data, and remembers where each key and item stands."""

    def __init__(self) -> None:
        self.marks: dict[Where, tuple[int, int]] = {}
        self._num_nodes = 0
        self._open: set[int] = set()

    def read(self, node: yaml.Node, where: Where) -> Any:
        self._num_nodes += 1
        if self._num_nodes > MAX_NODES:
            raise self._error(node, f"more than {MAX_NODES:,} values once aliases are expanded")
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        if id(node) in self._open:
            raise self._error(node, "an alias refers to a value that contains it")
        self._open.add(id(node))
        value = self._mapping(node, where) if isinstance(node, yaml.MappingNode) else self._list(node, where)
        self._open.discard(id(node))
        return value

    def _list(self, node: yaml.Node, where: Where) -> list[Any]:
        self._expect_tag(node, "seq")
        for index, item in enumerate(node.value):
            self._mark((*where, index), item)
        return [self.read(item, (*where, index)) for index, item in enumerate(node.value)]

    def _mapping(self, node: yaml.MappingNode, where: Where) -> dict[str, Any]:
        self._expect_tag(node, "map")
        merged: dict[str, Any] = {}
        own: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _TAG + "merge":
                merged = {**self._merge(value_node, where), **merged}
                continue
            key = self._key(key_node, where, own)
            self._mark((*where, key), key_node)
            own[key] = self.read(value_node, (*where, key))
        return {**merged, **own}

    def _merge(self, node: yaml.Node, where: Where) -> dict[str, Any]:
        """The mapping, or list of mappings (the first wins), that a `<<` brings in."""
        value = self.read(node, where)
        parts = value if isinstance(value, list) else [value]
        if not all(isinstance(part, dict) for part in parts):
            raise self._error(node, "'<<' merges mappings only")
        return {key: item for part in reversed(parts) for key, item in part.items()}

    def _key(self, node: yaml.Node, where: Where, seen: dict[str, Any]) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise self._error(node, "a key must be a plain name")
        key = node.value if where[-1:] in TEXT_KEYS else self._scalar(node)
        if not isinstance(key, str):
            raise self._error(node, f"the key {node.value!r} is not a string; quote it")
        if key in seen:
            raise self._error(node, f"the key {key!r} stands here twice")
        return key

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        kind = node.tag.removeprefix(_TAG)
        if kind not in _CONSTRUCTORS:
            raise self._error(node, f"the tag {node.tag!r} is refused: a sweep holds plain data only")
        try:
            return _CONSTRUCTORS[kind](node.value)
        except (ValueError, KeyError):
            raise self._error(node, f"{node.value[:40]!r} is no usable {kind}") from None

    def _expect_tag(self, node: yaml.Node, name: str) -> None:
        if node.tag != _TAG + name:
            raise self._error(node, f"the tag {node.tag!r} is refused: a sweep holds plain data only")

    def _mark(self, where: Where, node: yaml.Node) -> None:
        self.marks[where] = (node.start_mark.line + 1, node.start_mark.column + 1)

    def _error(self, node: yaml.Node, message: str) -> YamlError:
        return YamlError(node.start_mark.line + 1, message)


def _text(text: str) -> str:
    text.encode("utf-8")  # a lone surrogate, from an escape, raises a ValueError
    return text


def _integer(text: str) -> int:
    return int(text, 0) if text[:2] in ("0o", "0x") else int(text)


def _finite(text: str) -> float:
    number = float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    if not math.isfinite(number):
        raise ValueError("no number of a sweep is infinite")
    return number


_CONSTRUCTORS: dict[str, Callable[[str], Any]] = {
    "str": _text,
    "null": lambda text: None,
    "bool": lambda text: {"true": True, "false": False}[text.lower()],
    "int": _integer,
    "float": _finite,
}
