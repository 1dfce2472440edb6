"""A task described in YAML alone: columns, templates and a label map become a `Task`.

The mapping itself is `TaskSpec.definition`, and so bears identity. Keys:

* `kind`: binary (default), kclass or pairwise;
* `context`, `text`: templates such as `"Question: {question}"` over the columns; `texts` (two) if pairwise;
* `label`: the column of the label; `labels`: raw labels in the order of the classes, or raw label → class;
* `choices`: columns with the candidate answers of a row, of which `label` says the right one (its place from
  0, or its column, or by `labels`); each becomes an example in whose templates `{choice}` is the candidate;
* `group`: a column or template whose equal values stay in one split; `columns`: further columns required;
* `label_words`: words that stand for the classes; `splits`: the dataset's splits for `train` and `test`.

A pairwise task without `label` has its better text first in every row (chosen, rejected); a hash of the row
then draws which comes first in the example.
"""

from __future__ import annotations

import hashlib
import string
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from w2s_ray.core.errors import ConfigError, DataError
from w2s_ray.core.registry import unknown
from w2s_ray.core.specs import Source, TaskSpec
from w2s_ray.tasks.base import TASKS, Example, Row, Task, class_in, spelled, text_in

KEYS = (
    "kind",
    "context",
    "text",
    "texts",
    "label",
    "labels",
    "choices",
    "group",
    "columns",
    "label_words",
    "splits",
)
KINDS = ("binary", "kclass", "pairwise")
VERSION = 1


def task_of(spec: TaskSpec) -> Task:
    """The task a specification names: a described one, or a registered one reading the spec's source."""
    if spec.definition:
        return describe(spec.name, spec.definition, source=spec.source)
    return replace(TASKS[spec.name], source=spec.source)


def describe(name: str, definition: Mapping[str, Any], *, source: Source) -> Task:
    """The task of a YAML mapping; ConfigError says which key is wrong and what was expected."""
    reader = _Reader(f"task {name!r}", definition)
    kind = reader.one_of("kind", KINDS, "binary")
    texts = reader.texts(kind)
    choices = reader.names("choices")
    if choices and kind != "binary":
        raise ConfigError(f"{reader.place}: choices make a binary task, not a {kind} one")
    placeholders = {name for template in texts for name in _placeholders(template, reader.place)}
    label, labels = reader.label(kind, choices)
    group = reader.group()
    extra = {label} if label else set()
    columns = (placeholders | set(_placeholders(group, reader.place)) | set(choices) | extra) - {"choice"}
    return Task(
        name=name,
        version=VERSION,
        kind=kind,
        family="described",
        source=source,
        columns=tuple(sorted(columns | set(reader.names("columns")))),
        formatter=_formatter(kind, texts, label, labels, choices, group),
        splits=reader.splits(),
        label_words=reader.words(kind, labels),
    )


class _Reader:
    """Reads a definition's keys, with errors that name the task and the key."""

    def __init__(self, place: str, definition: Mapping[str, Any]) -> None:
        self.place = place
        self.values = definition
        for key in definition:
            if key not in KEYS:
                raise ConfigError(f"{place}: {unknown('key', str(key), KEYS)}")

    def text(self, key: str, default: str | None = None) -> str:
        value = self.values.get(key, default)
        if not isinstance(value, str):
            raise ConfigError(f"{self.place}: {key} = {value!r}; expected a text")
        return value

    def one_of(self, key: str, known: Sequence[str], default: str) -> Any:
        value = self.text(key, default)
        if value not in known:
            raise ConfigError(f"{self.place}: {unknown(key, value, known)}")
        return value

    def names(self, key: str) -> tuple[str, ...]:
        value = self.values.get(key, ())
        if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
            raise ConfigError(f"{self.place}: {key} = {value!r}; expected a list of texts")
        return tuple(value)

    def texts(self, kind: str) -> tuple[str, ...]:
        """Context and text templates: (context, text), or (context, first, second) if pairwise."""
        context = self.text("context", "")
        if kind != "pairwise":
            if "texts" in self.values or "text" not in self.values:
                raise ConfigError(f"{self.place}: a {kind} task has one template, under 'text'")
            return context, self.text("text")
        texts = self.names("texts")
        if len(texts) != 2 or "text" in self.values:
            raise ConfigError(f"{self.place}: a pairwise task has two templates, under 'texts'")
        return context, *texts

    def label(self, kind: str, choices: tuple[str, ...]) -> tuple[str, dict[str, int]]:
        """The label's column ("" for chosen-first pairs) and the map from raw label to class."""
        if kind == "pairwise" and "label" not in self.values:
            return "", {}
        column, given = self.text("label"), self.values.get("labels")
        if given is None:
            named = {name: place for place, name in enumerate(choices)}
            if kind == "kclass":
                raise ConfigError(f"{self.place}: a kclass task lists its raw labels, under 'labels'")
            return column, {**{str(place): place for place in range(len(choices) or 2)}, **named}
        labels = self._raw_labels(given)
        self._check_classes(kind, labels, choices)
        return column, labels

    def _raw_labels(self, given: object) -> dict[str, int]:
        if isinstance(given, list | tuple):
            return {spelled(raw): place for place, raw in enumerate(given)}
        if not isinstance(given, Mapping):
            raise ConfigError(f"{self.place}: labels = {given!r}; expected a list or a mapping")
        if bare := [raw for raw in given if not isinstance(raw, str)]:
            raise ConfigError(f"{self.place}: labels: write {bare[0]!r} in quotes: {spelled(bare[0])!r}")
        return dict(given)

    def _check_classes(self, kind: str, labels: dict[str, int], choices: tuple[str, ...]) -> None:
        classes = {place for place in labels.values() if type(place) is int}
        expected = len(choices) or (len(classes) if kind == "kclass" else 2)
        complete = classes == set(range(expected)) or (choices and classes <= set(range(expected)))
        if not complete or len(classes) < 2:
            raise ConfigError(
                f"{self.place}: labels = {labels}; expected the classes 0 … {max(expected, 2) - 1}"
            )

    def group(self) -> str:
        group = self.text("group", "")
        return group if "{" in group or not group else f"{{{group}}}"

    def splits(self) -> dict[str, str]:
        splits = {"train": "train", "test": "test"}
        given = self.values.get("splits", {})
        if not isinstance(given, Mapping) or not set(given) <= set(splits):
            raise ConfigError(f"{self.place}: splits = {given!r}; expected a mapping of 'train' and 'test'")
        return {**splits, **given}

    def words(self, kind: str, labels: dict[str, int]) -> tuple[str, ...]:
        if kind == "pairwise":
            return ()
        num = max(labels.values()) + 1 if kind == "kclass" else 2
        words = self.names("label_words") or tuple(str(place) for place in range(num))
        if len(words) != num:
            raise ConfigError(
                f"{self.place}: label_words = {list(words)}; expected {num}, one for each class"
            )
        return words


def _placeholders(template: str, place: str) -> list[str]:
    """The columns a template names; attributes, indices and formats are refused."""
    try:
        fields = [
            (name, form, cast)
            for _, name, form, cast in string.Formatter().parse(template)
            if name is not None
        ]
    except ValueError as error:
        raise ConfigError(f"{place}: template {template!r}: {error}") from None
    for name, form, cast in fields:
        if not name or form or cast or set(name) & set(".[]"):
            raise ConfigError(
                f"{place}: template {template!r} has {{{name}}}; expected the plain name of a column"
            )
    return [name for name, _, _ in fields]


def _formatter(
    kind: str,
    texts: tuple[str, ...],
    label: str,
    labels: Mapping[str, int],
    choices: tuple[str, ...],
    group: str,
) -> Callable[[Row], Iterator[Example]]:
    if choices:
        return lambda row: _candidates(row, texts, class_in(row, label, labels), choices, group)
    if kind == "pairwise":
        return lambda row: _pair(row, texts, class_in(row, label, labels) if label else None, group)

    def plain(row: Row) -> Iterator[Example]:
        context, text = _fill(texts[0], row), _fill(texts[1], row, required=True)
        yield Example((context,), (text,), class_in(row, label, labels), _fill(group, row) or context + text)

    return plain


def _candidates(
    row: Row, texts: tuple[str, ...], right: int, choices: tuple[str, ...], group: str
) -> Iterator[Example]:
    blank = {**row, "choice": "…"}
    question = "\n".join(_fill(template, blank) for template in texts)
    for place, column in enumerate(choices):
        filled = {**row, "choice": text_in(row, column)}
        context, text = _fill(texts[0], filled), _fill(texts[1], filled, required=True)
        yield Example((context,), (text,), int(place == right), _fill(group, row) or question, question)


def _pair(row: Row, texts: tuple[str, ...], label: int | None, group: str) -> Iterator[Example]:
    context, first, second = (
        _fill(template, row, required=place > 0) for place, template in enumerate(texts)
    )
    if label is None:
        label = hashlib.sha256(f"{context}\n{first}\n{second}".encode()).digest()[0] % 2
        first, second = (first, second) if label else (second, first)
    yield Example((context, context), (first, second), label, _fill(group, row) or context or first + second)


def _fill(template: str, row: Row, *, required: bool = False) -> str:
    """The template over a row. An empty column is "" in it, and refused where it is `required`."""
    values = {name: "" if _absent(row[name]) else row[name] for name in _names(template)}
    for name, value in values.items():
        if required and not str(value).strip():
            raise DataError(f"column {name!r} is empty")
    return template.format_map(values)


@lru_cache(maxsize=64)
def _names(template: str) -> tuple[str, ...]:
    return tuple(name for _, name, _, _ in string.Formatter().parse(template) if name)


def _absent(value: object) -> bool:
    return value is None or value != value  # NaN alone differs from itself
