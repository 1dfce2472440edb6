"""A task described in YAML alone: columns, templates and a label map become a `Task`.

The mapping itself is `TaskSpec.definition`, and so bears identity; `tasks/definition.py` lists its keys.
A pairwise task without `label` has its better text first in every row (chosen, rejected); a hash of the row
then draws which comes first in the example.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from w2s_ray.core.errors import DataError
from w2s_ray.core.specs import Source, TaskSpec
from w2s_ray.tasks.base import TASKS, Example, Kind, Row, Task, class_in, spelled, text_in
from w2s_ray.tasks.definition import KINDS, Choices, Definition
from w2s_ray.tasks.forms import pair, texts_in
from w2s_ray.tasks.hub import hub_of
from w2s_ray.tasks.images import image_example
from w2s_ray.tasks.templates import fill, placeholders

VERSION = 1


def task_of(spec: TaskSpec) -> Task:
    """The task a specification names: a described one, or a registered one reading the spec's source."""
    if spec.definition:
        return describe(spec.name, spec.definition, source=spec.source)
    task = TASKS[spec.name]
    return replace(task, source=spec.source, hub=hub_of(task, spec.source))


def describe(name: str, definition: Mapping[str, Any], *, source: Source, alias: str = "") -> Task:
    """The task of a YAML mapping; ConfigError says which key is wrong and what was expected.

    `alias` is the user's own name of it, for messages.
    """
    reader = Definition(f"task {(alias or name)!r}", definition)
    kind = reader.one_of("kind", KINDS, "binary")
    if image := reader.image(kind):
        return _image_task(name, reader, kind, image, source)
    texts = reader.texts(kind)
    target, choices = reader.target(kind), reader.choices(kind, texts)
    label, labels = reader.label(kind, choices)
    group = reader.group()
    named = {
        column for template in (*texts, target, group) for column in placeholders(template, reader.place)
    }
    columns = named - ({"choice"} if choices else set()) | choices.named | {label, *reader.names("columns")}
    answered = _answered(texts, target, group) if target else None
    return Task(
        name=name,
        version=VERSION,
        kind=kind,
        family="described",
        source=source,
        columns=tuple(sorted(columns - {""})),
        formatter=answered or _formatter(kind, texts, label, labels, choices, group),
        splits=reader.splits(),
        label_words=reader.words(kind, labels),
    )


def _image_task(name: str, reader: Definition, kind: Kind, image: str, source: Source) -> Task:
    label, labels = reader.label(kind, Choices())
    group = reader.group()
    columns = {image, label, *placeholders(group, reader.place), *reader.names("columns")}

    def formatter(row: Row) -> Iterator[Example]:
        yield image_example(row, image, class_in(row, label, labels), group=fill(group, row))

    return Task(
        name=name,
        version=VERSION,
        kind=kind,
        medium="image",
        family="described",
        source=source,
        columns=tuple(sorted(columns)),
        formatter=formatter,
        splits=reader.splits(),
        label_words=reader.words(kind, labels),
    )


def _answered(texts: tuple[str, ...], target: str, group: str) -> Callable[[Row], Iterator[Example]]:
    def formatter(row: Row) -> Iterator[Example]:
        context, text = fill(texts[0], row), fill(texts[1], row, required=True)
        answer, name = fill(target, row, required=True), fill(group, row)
        yield Example((context,), (text,), 0, name or context + text, target=answer)

    return formatter


def _formatter(
    kind: str,
    texts: tuple[str, ...],
    label: str,
    labels: Mapping[str, int],
    choices: Choices,
    group: str,
) -> Callable[[Row], Iterator[Example]]:
    if choices:
        return lambda row: _candidates(row, texts, *_answers(row, choices, label, labels), group)
    if kind == "pairwise":
        return lambda row: _pair(row, texts, class_in(row, label, labels) if label else None, group)

    def plain(row: Row) -> Iterator[Example]:
        context, text = fill(texts[0], row), fill(texts[1], row, required=True)
        yield Example((context,), (text,), class_in(row, label, labels), fill(group, row) or context + text)

    return plain


def _answers(row: Row, choices: Choices, label: str, labels: Mapping[str, int]) -> tuple[list[str], set[int]]:
    """The candidate answers of a row, and the places of the right ones."""
    columns = choices.columns
    answers = [text_in(row, column) for column in columns] if columns else texts_in(row, choices.column)
    if not choices.answer:
        return answers, {class_in(row, label, labels)}
    given = spelled(row[choices.answer])
    places = {place for place, answer in enumerate(answers) if answer == given}
    place = int(given) if given.isdecimal() and int(given) < len(answers) else None
    if places and place is not None and place not in places:
        raise DataError(
            f"column {choices.answer!r} is {given!r}, a place and a text of another place; use one"
        )
    if not places and place is None:
        raise DataError(
            f"column {choices.answer!r} is {given!r}: neither a place from 0 to {len(answers) - 1} nor one of "
            f"the choices {answers}"
        )
    return answers, places or {place for place in (place,) if place is not None}


def _candidates(
    row: Row, texts: tuple[str, ...], answers: list[str], right: set[int], group: str
) -> Iterator[Example]:
    blank = {**row, "choice": "…"}
    question = "\n".join(fill(template, blank) for template in texts)
    for place, answer in enumerate(answers):
        filled = {**row, "choice": answer}
        context, text = fill(texts[0], filled), fill(texts[1], filled, required=True)
        yield Example((context,), (text,), int(place in right), fill(group, row) or question, question)


def _pair(row: Row, texts: tuple[str, ...], label: int | None, group: str) -> Iterator[Example]:
    context, first, second = (fill(template, row, required=place > 0) for place, template in enumerate(texts))
    name = fill(group, row)
    if label is None:
        yield pair(context, first, second, group=name)
    else:
        yield Example((context, context), (first, second), label, name or context or first + second)
