"""Reads the mapping that describes a task in YAML; every error names the task, the key and what was expected.

* `kind`: binary (default), kclass, pairwise or text;
* `image`: a column of images instead of texts (binary and kclass), or `folder`: each class is a folder of
  images, whose name is its label;
* `context`, `text`: templates such as `"Question: {question}"` over the columns; `texts` (two) if pairwise;
* `label`: the column of the label; `labels`: raw labels in the order of the classes, or raw label → class;
* `choices`: columns with the candidate answers of a row, or one column with a list of them; each becomes an
  example in whose templates `{choice}` is the candidate. `answer` is the column that says the right one, by
  its place from 0 or by its text; for columns it may be `label` instead (its place from 0, or its column, or
  by `labels`);
* `target`: of a text task, the template of the answer, as it follows the input (so it begins with a space where
  the text does not end in one); it has no labels;
* `group`: a column or template whose equal values stay in one split; `columns`: further columns required;
* `label_words`: words that stand for the classes; `splits`: the dataset's splits for `train` and `test`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from w2s_ray.core.errors import ConfigError
from w2s_ray.core.registry import unknown
from w2s_ray.tasks.base import spelled
from w2s_ray.tasks.templates import placeholders

KEYS = (
    "kind",
    "image",
    "context",
    "text",
    "texts",
    "label",
    "labels",
    "choices",
    "answer",
    "target",
    "group",
    "columns",
    "label_words",
    "splits",
)
KINDS = ("binary", "kclass", "pairwise", "text")


@dataclass(frozen=True, kw_only=True)
class Choices:
    """Where the candidates of a row are: in `columns`, or as a list in `column`.

    `answer` is the column that says the right one by place or text; "" where a label does.
    """

    columns: tuple[str, ...] = ()
    column: str = ""
    answer: str = ""

    def __bool__(self) -> bool:
        return bool(self.columns or self.column)

    @property
    def named(self) -> set[str]:
        """All columns that a row must have for it."""
        return {*self.columns, self.column, self.answer} - {""}


def normalised(definition: Mapping[str, Any]) -> dict[str, Any]:
    """The mapping with the raw labels of `labels` spelled as texts: `0:` and `"0":` are one definition."""
    labels = definition.get("labels")
    if not isinstance(labels, Mapping):
        return dict(definition)
    names = [spelled(raw) for raw in labels]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ConfigError(f"labels: {twice[0]!r} is listed twice")
    return {**definition, "labels": dict(zip(names, labels.values(), strict=True))}


class Definition:
    """The keys of one mapping; unknown ones are refused at once."""

    def __init__(self, place: str, definition: Mapping[str, Any]) -> None:
        self.place = place
        for key in definition:
            if key not in KEYS:
                raise ConfigError(f"{place}: {unknown('key', str(key), KEYS)}")
        try:
            self.values = normalised(definition)
        except ConfigError as error:
            raise ConfigError(f"{place}: {error}") from None

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

    def image(self, kind: str) -> str:
        """The column of images; "" in a task of texts."""
        column = self.text("image", "")
        others = {"context", "text", "texts", "choices", "answer"} & set(self.values)
        if column and (others or kind not in ("binary", "kclass")):
            found = f"kind: {kind}" if kind not in ("binary", "kclass") else repr(sorted(others)[0])
            raise ConfigError(
                f"{self.place}: an image has a class (kind: binary or kclass) and no text; found {found}"
            )
        return column

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

    def choices(self, kind: str, texts: tuple[str, ...]) -> Choices:
        answer = self.text("answer", "")
        if isinstance(self.values.get("choices"), str):
            found = Choices(column=self.text("choices"), answer=answer)
        else:
            found = Choices(columns=self.names("choices"), answer=answer)
        if not found and not answer:
            return found
        fits = kind == "binary" and "choice" in placeholders(texts[1], self.place)
        if not fits or not (len(found.columns) >= 2 or found.column):
            raise ConfigError(
                f"{self.place}: choices belong to a binary task whose text has {{choice}}; they are two columns "
                f"at least, or one with a list"
            )
        if bool(answer) == ("label" in self.values) or (found.column and not answer):
            raise ConfigError(
                f"{self.place}: the right one of {sorted(found.named - {answer})} is told by 'answer', a column "
                f"with its place or text" + ("" if found.column else ", or else by 'label'")
            )
        return found

    def target(self, kind: str) -> str:
        """The template of a text answer; "" where answers are classes."""
        if kind != "text":
            if "target" in self.values:
                raise ConfigError(
                    f"{self.place}: a {kind} task has a 'label'; a 'target' belongs to kind text"
                )
            return ""
        for key in ("label", "labels", "answer", "choices", "label_words"):
            if key in self.values:
                raise ConfigError(f"{self.place}: a text task has its answer under 'target', and no {key!r}")
        target = self.text("target")
        if not placeholders(target, self.place):
            raise ConfigError(
                f"{self.place}: target = {target!r} names no column, so all answers are the same"
            )
        return target

    def label(self, kind: str, choices: Choices) -> tuple[str, dict[str, int]]:
        """The column of the label ("" for chosen-first pairs, answers, texts) and raw label → class."""
        if kind == "text" or choices.answer or (kind == "pairwise" and "label" not in self.values):
            return "", {}
        column, given = self.text("label"), self.values.get("labels")
        if given is None:
            named = {name: place for place, name in enumerate(choices.columns)}
            if kind == "kclass":
                raise ConfigError(f"{self.place}: a kclass task lists its raw labels, under 'labels'")
            return column, {**{str(place): place for place in range(len(choices.columns) or 2)}, **named}
        labels = self._raw_labels(given)
        self._check_classes(kind, labels, choices.columns)
        return column, labels

    def _raw_labels(self, given: object) -> dict[str, int]:
        if isinstance(given, list | tuple):
            return {spelled(raw): place for place, raw in enumerate(given)}
        if not isinstance(given, Mapping):
            raise ConfigError(f"{self.place}: labels = {given!r}; expected a list or a mapping")
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
        if kind in ("pairwise", "text"):
            return ()
        num = max(labels.values()) + 1 if kind == "kclass" else 2
        words = self.names("label_words") or tuple(str(place) for place in range(num))
        if len(words) != num:
            raise ConfigError(
                f"{self.place}: label_words = {list(words)}; expected {num}, one for each class"
            )
        return words
