"""A task described in YAML alone: columns, templates and a label map become a `Task`.

The mapping itself is `TaskSpec.definition`, and so bears identity; `tasks/definition.py` lists its keys.
A pairwise task without `label` has its better text first in every row (chosen, rejected); a hash of the row
then draws which comes first in the example.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from w2s_ray.core.errors import DataError
from w2s_ray.core.specs import Source, TaskSpec
from w2s_ray.tasks.base import TASKS, Example, Row, Task, class_in, text_in
from w2s_ray.tasks.definition import KINDS, Definition, placeholders
from w2s_ray.tasks.examples import example_id

VERSION = 1


def task_of(spec: TaskSpec) -> Task:
    """The task a specification names: a described one, or a registered one reading the spec's source."""
    if spec.definition:
        return describe(spec.name, spec.definition, source=spec.source)
    return replace(TASKS[spec.name], source=spec.source)


def describe(name: str, definition: Mapping[str, Any], *, source: Source) -> Task:
    """The task of a YAML mapping; ConfigError says which key is wrong and what was expected."""
    reader = Definition(f"task {name!r}", definition)
    kind = reader.one_of("kind", KINDS, "binary")
    texts = reader.texts(kind)
    choices = reader.choices(kind, texts)
    label, labels = reader.label(kind, choices)
    group = reader.group()
    named = {column for template in (*texts, group) for column in placeholders(template, reader.place)}
    columns = named - ({"choice"} if choices else set()) | {*choices, label, *reader.names("columns")} - {""}
    return Task(
        name=name,
        version=VERSION,
        kind=kind,
        family="described",
        source=source,
        columns=tuple(sorted(columns)),
        formatter=_formatter(kind, texts, label, labels, choices, group),
        splits=reader.splits(),
        label_words=reader.words(kind, labels),
    )


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
        label = int(example_id([context, first, second]), 16) % 2
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
