"""Reads the mapping that describes a task in YAML; every error names the task, the key and what was expected.

* `kind`: binary (default), kclass or pairwise;
* `context`, `text`: templates such as `"Question: {question}"` over the columns; `texts` (two) if pairwise;
* `label`: the column of the label; `labels`: raw labels in the order of the classes, or raw label → class;
* `choices`: columns with the candidate answers of a row, of which `label` says the right one (its place from
  0, or its column, or by `labels`); each becomes an example in whose templates `{choice}` is the candidate;
* `group`: a column or template whose equal values stay in one split; `columns`: further columns required;
* `label_words`: words that stand for the classes; `splits`: the dataset's splits for `train` and `test`.
"""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from typing import Any

from w2s_ray.core.errors import ConfigError
from w2s_ray.core.registry import unknown
from w2s_ray.tasks.base import spelled

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


class Definition:
    """The keys of one mapping; unknown ones are refused at once."""

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

    def choices(self, kind: str, texts: tuple[str, ...]) -> tuple[str, ...]:
        choices = self.names("choices")
        if choices and (
            kind != "binary" or len(choices) < 2 or "choice" not in placeholders(texts[1], self.place)
        ):
            raise ConfigError(
                f"{self.place}: choices belong to a binary task whose text has {{choice}}; two at least"
            )
        return choices

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
        if not complete or len(classes) < 2 or not all(type(place) is int for place in labels.values()):
            raise ConfigError(
                f"{self.place}: labels = {labels}; expected the classes 0 … {max(expected, 2) - 1}"
            )

    def group(self) -> str:
        group = self.text("group", "")
        return group if "{" in group or not group else f"{{{group}}}"

    def splits(self) -> dict[str, str]:
        splits = {"train": "train", "test": "test"}
        given = self.values.get("splits", {})
        named = isinstance(given, Mapping) and set(given) <= set(splits)
        if not named or not all(isinstance(name, str) for name in given.values()):
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


def placeholders(template: str, place: str) -> list[str]:
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
