"""What a task declares, and how: `@register_task` over a formatter of rows.

A task turns one row of a dataset into examples. It holds no rows and knows no seed: reading rows is
`tasks/load.py`, choosing among them is `tasks/selection.py`. Declarations import nothing heavy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from w2s_ray.core.errors import DataError
from w2s_ray.core.registry import Registry
from w2s_ray.core.specs import PromptSpec, Source

Kind = Literal["binary", "kclass", "pairwise", "text"]
Medium = Literal["text", "image"]
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Example:
    """One input with its true class.

    It has one text, or two to compare; the model's i-th input is `context[i] + text[i]`, of which only the
    context may be truncated. Examples of one `group` never fall into different splits, nor do those of groups
    that share a name in `ties`. Examples that share a `question` are its candidate answers, of which as many
    right as wrong ones are kept. A pairwise label is 1 where the first text is the better one. Where the answer
    is a text, it is the `target`, as it follows the input, and the label is 0. An image example's text is the
    name of its `image`, the encoded file, which is not kept beyond reading.
    """

    context: tuple[str, ...]
    text: tuple[str, ...]
    label: int
    group: str
    question: str = ""
    target: str = ""
    image: bytes = field(default=b"", repr=False, compare=False)
    ties: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Hub:
    """How a hub repository is read, beside its id, configuration and revision.

    `parquet` is the path of a split's files in it, such as "plain_text/{split}/0000.parquet" (`*` matches):
    they are read directly where loading the repository would ask for a script. `data_dir` is a subset that is
    a folder. `branch` is what to read while nobody has pinned a revision. Of a huge set one row in `one_in`
    is read, drawn by its content.
    """

    parquet: str = ""
    data_dir: str = ""
    branch: str = "main"
    one_in: int = 1


@dataclass(frozen=True, kw_only=True)
class Task:
    """A dataset's declaration. `half`, `validation` and `test` are its sizes where a sweep names none.

    `splits` names the dataset's own splits that serve as "train" and "test"; where both are one, the test set
    is cut from it. `label_words` are the words that stand for the classes, in their order; a pairwise task has
    none, nor has one whose answer is a text. `medium` is what a model looks at. `recipe` holds fields of
    TrainSpec that the task brings where a sweep says nothing. `scores` are further questions about a text
    answer, each a function of (input, answer): the share of answers for which it holds is a metric of its own,
    beside the exact match. `prompt` is how a language model is asked for a class where the task says something
    better than its label words after "Answer:". `corpus` makes texts of a row from which a model may learn the
    task's language but not its answers.

    For people and for checks: `group` says what keeps rows together, `rows` the size of each split on the
    hub, `published` accuracies and recovered gaps that others have reported, and `published_in` where.
    """

    name: str
    version: int
    kind: Kind
    family: str
    source: Source
    columns: tuple[str, ...]
    formatter: Callable[[Row], Iterable[Example]]
    splits: Mapping[str, str] = field(default_factory=lambda: {"train": "train", "test": "test"})
    label_words: tuple[str, ...] = ("0", "1")
    medium: Medium = "text"
    scores: Mapping[str, Callable[[str, str], bool]] = field(default_factory=dict)
    prompt: PromptSpec | None = None
    corpus: Callable[[Row], Iterable[str]] | None = None
    licence: str = "unknown"
    half: int = 10_000
    validation: int = 1_000
    test: int = 2_000
    hub: Hub = field(default_factory=Hub)
    recipe: Mapping[str, Any] = field(default_factory=dict)
    group: str = ""
    rows: Mapping[str, int] = field(default_factory=dict)
    published: Mapping[str, float] = field(default_factory=dict)
    published_in: str = ""

    def __post_init__(self) -> None:
        if set(self.splits) != {"train", "test"}:
            raise ValueError(f"{self.name}: splits name 'train' and 'test', not {sorted(self.splits)}")
        if (self.kind in ("pairwise", "text")) != (not self.label_words):
            raise ValueError(f"{self.name}: label words belong to classes, and every class has one")

    @property
    def one_split(self) -> str:
        """The dataset's own split where it has just one, else ""."""
        first, second = self.splits["train"], self.splits["test"]
        return first if first == second else ""

    @property
    def num_classes(self) -> int:
        """Columns of a prediction; a text answer is one, the answer that was given."""
        return 1 if self.kind == "text" else len(self.label_words) or 2

    @property
    def asked(self) -> PromptSpec:
        """How a language model is asked for a class."""
        return self.prompt or PromptSpec(words=tuple((word,) for word in self.label_words))

    @property
    def num_texts(self) -> int:
        return 2 if self.kind == "pairwise" else 1

    def examples(self, row: Row) -> list[Example]:
        """The examples of a row; DataError names the column that cannot be used."""
        return list(self.formatter(row))


TASKS: Registry[Task] = Registry("task", package="w2s_ray.tasks")


def register_task(name: str, **declaration: Any) -> Callable[[Callable[[Row], Iterable[Example]]], Task]:
    """Decorator: the formatter becomes the registered task `name`; see `Task` for the declaration."""

    def decorate(formatter: Callable[[Row], Iterable[Example]]) -> Task:
        return TASKS.add(name)(Task(name=name, formatter=formatter, **declaration))

    return decorate


def single(text: str, label: int, *, context: str = "", group: str = "", question: str = "") -> Example:
    """An example with one text; without a `group` it is a group of its own."""
    return Example((context,), (text,), label, group or context + text, question)


def text_in(row: Row, column: str, *, optional: bool = False) -> str:
    """The stripped text of a column; DataError where it is missing or, unless `optional`, empty."""
    value = row[column]
    if optional and (value is None or value != value):
        return ""
    if not isinstance(value, str):
        raise DataError(f"column {column!r} is {value!r}, not text")
    if not optional and not value.strip():
        raise DataError(f"column {column!r} is empty")
    return value.strip()


def class_in(row: Row, column: str, classes: Mapping[str, int]) -> int:
    """The class of a raw label, looked up by its plain spelling: 1, 1.0, "1" are `1`, True is `true`."""
    value = row[column]
    if value is None or (isinstance(value, float) and math.isnan(value)):
        raise DataError(f"column {column!r} has no label ({value})")
    name = spelled(value)
    if name not in classes:
        raise DataError(f"column {column!r} has the label {value!r}; expected one of {', '.join(classes)}")
    return classes[name]


def spelled(value: object) -> str:
    """How a raw label is looked up: whole floats as integers, truth values in lower case, no outer spaces."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).lower() if isinstance(value, bool) else str(value).strip()
