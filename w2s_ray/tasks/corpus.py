"""Texts to pretrain on: the training rows of local files, by a template over their columns or by a task.

Only the `train` split of a folder is read, so no test row is seen; of a single file all rows are. The texts that
a task makes hold no answers (`Task.corpus`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from w2s_ray.core.errors import ConfigError, DataError
from w2s_ray.core.specs import TextsSpec
from w2s_ray.tasks.base import TASKS, Row
from w2s_ray.tasks.files import files_in, source_of_files
from w2s_ray.tasks.load import Table, file_table, files_of, read_rows
from w2s_ray.tasks.templates import fill, placeholders

HELD_OUT = 100  # one text in so many, the last ones, where the files have no `validation`


@dataclass(frozen=True, kw_only=True)
class Texts:
    """Texts to learn from, and others to see how well they were learned."""

    train: list[str]
    held_out: list[str]


def texts_spec(path: str, *, text: str | None = None, task: str | None = None) -> TextsSpec:
    """The texts of these files, by a template or by a task's own.

    ConfigError where there are no such files, no training rows, or not the columns that the texts are made of.
    """
    if (text is None) == (task is None):
        raise ConfigError(
            "expected either `text`, a template such as '{text}', or `task`, whose texts to take"
        )
    if text is not None:
        if not placeholders(text, "corpus"):
            raise ConfigError(f"corpus: template {text!r} names no column")
        found = TextsSpec(source=source_of_files(path), text=text)
    else:
        assert task is not None
        if TASKS[task].corpus is None:
            raise ConfigError(f"corpus: task {task!r} makes no texts to pretrain on; give a template, `text`")
        found = TextsSpec(source=source_of_files(path), task=task, version=TASKS[task].version)
    try:
        next(_texts(found, file_table(_train_file(files_in(path), path))), None)
    except DataError as error:
        raise ConfigError(str(error)) from None
    return found


def read_texts(spec: TextsSpec, places: Mapping[str, str]) -> Texts:
    """All texts of the training rows; DataError where there are fewer than two."""
    files = files_of(spec.source, places, "a corpus")
    table = file_table(_train_file(files, places[spec.source.digest]))
    train = list(_texts(spec, table))
    if "validation" in files:
        return Texts(train=train, held_out=list(_texts(spec, file_table(files["validation"]))))
    kept = len(train) - max(1, len(train) // HELD_OUT)
    if kept < 1:
        raise DataError(f"{table.place}: a corpus needs two texts at least, of which one is held out")
    return Texts(train=train[:kept], held_out=train[kept:])


def _train_file(files: Mapping[str, Path], place: str) -> Path:
    found = files.get("train") or files.get("")
    if found is None:
        raise DataError(f"{place}: no file for the split 'train'; there are {', '.join(files)}")
    return found


def _texts(spec: TextsSpec, table: Table) -> Iterator[str]:
    """The texts of each row that are not blank."""
    columns, make = _maker(spec)
    for _, texts in read_rows(table, columns, make):
        yield from (text for text in texts if text.strip())


def _maker(spec: TextsSpec) -> tuple[Sequence[str], Callable[[Row], Iterable[str]]]:
    if spec.task:
        task = TASKS[spec.task]
        assert task.corpus is not None
        return task.columns, task.corpus
    return placeholders(spec.text, "corpus"), lambda row: [fill(spec.text, row)]
