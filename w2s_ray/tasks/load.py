"""Rows of a task's source: local files, the offline world, or the hub (`tasks/hub.py`)."""

from __future__ import annotations

import csv
import gzip
import itertools
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from w2s_ray.core.errors import DataError, EnvironmentFault
from w2s_ray.core.specs import Source, TaskSpec
from w2s_ray.tasks import folders, packaged, world
from w2s_ray.tasks.base import Example, Row, Task
from w2s_ray.tasks.files import files_in, format_of, source_of_files
from w2s_ray.tasks.hub import hub_files, hub_of, hub_place, hub_rows

logger = logging.getLogger(__name__)
T = TypeVar("T")

# Rows of a world task where a specification asks for all there are.
WORLD_ROWS = 2000
_CHANGED = "{path}: the files have changed since the sweep was planned; run the command again"


@dataclass(frozen=True)
class Table:
    """Rows and where they come from, for messages."""

    place: str
    rows: Iterable[Row]


def tables(task: Task, spec: TaskSpec, places: Mapping[str, str]) -> dict[str, Table]:
    """The rows under "train" and "test", or under "all" where one file holds both.

    `places` maps a source's digest to the path of its files on this machine.
    """
    match spec.source.kind:
        case "world":
            return _world_tables(spec)
        case "package":
            return {"all": Table(spec.source.name, packaged.rows(spec.source.name))}
        case "files":
            return _file_tables(task, spec, places)
        case _ if task.one_split:
            return {"all": _hub_table(task, spec, task.one_split)}
        case _:
            return {role: _hub_table(task, spec, split) for role, split in task.splits.items()}


def examples_in(task: Task, table: Table) -> Iterator[list[Example]]:
    """The examples of each row; DataError names the place, the row (from 1) and the column."""
    empty = True
    for place, found in read_rows(table, task.columns, task.examples):
        for example in found:
            _check(task, example, place)
        empty = False
        yield found
    if empty:
        raise DataError(f"{table.place}: no rows")


def read_rows(
    table: Table, columns: Sequence[str], make: Callable[[Row], Iterable[T]]
) -> Iterator[tuple[str, list[T]]]:
    """The place of each row, and what `make` makes of it; DataError names the place of a row it cannot use."""
    for number, row in enumerate(table.rows, 1):
        place = f"{table.place}, row {number}"
        if missing := [column for column in columns if column not in row]:
            raise DataError(f"{place}: no column {missing[0]!r}; there are {', '.join(map(str, row))}")
        try:
            found = list(make(row))
        except DataError as error:
            raise DataError(f"{place}: {error}") from None
        yield place, found


def _check(task: Task, example: Example, place: str) -> None:
    """What no formatter may let through: empty text, text that is not Unicode, a label that is no class."""
    if not all(text.strip() for text in example.text):
        raise DataError(f"{place}: an example has no text")
    if task.kind == "text" and not example.target.strip():
        raise DataError(f"{place}: an example has no target text")
    if type(example.label) is not int or not 0 <= example.label < task.num_classes:
        raise DataError(f"{place}: the label {example.label!r} is none of the {task.num_classes} classes")
    for text in (*example.context, *example.text, example.group, example.question, example.target):
        try:
            text.encode()
        except UnicodeEncodeError:
            raise DataError(f"{place}: {text[:60]!r} is not valid Unicode") from None


def _world_tables(spec: TaskSpec) -> dict[str, Table]:
    train = 2 * spec.half + (spec.validation or spec.half) if spec.half else WORLD_ROWS
    sizes = {"train": train, "test": spec.test or WORLD_ROWS}
    name = spec.source.name
    return {role: Table(f"{name} {role}", world.rows(name, role, size)) for role, size in sizes.items()}


def _file_tables(task: Task, spec: TaskSpec, places: Mapping[str, str]) -> dict[str, Table]:
    place = places.get(spec.source.digest, "")
    if folders.is_image_folder(place):
        return _image_tables(spec, place)
    found = files_of(spec.source, places, f"task {spec.name!r}")
    splits = _splits_of(task, found, places[spec.source.digest])
    return {role: file_table(found[split]) for role, split in splits.items()}


def _image_tables(spec: TaskSpec, path: str) -> dict[str, Table]:
    if folders.source_of_images(path).digest != spec.source.digest:
        raise DataError(_CHANGED.format(path=path))
    splits = folders.images_in(path)
    return {
        split or "all": Table(str(Path(path) / split), folders.folder_rows(path, split)) for split in splits
    }


def files_of(source: Source, places: Mapping[str, str], reader: str) -> dict[str, Path]:
    """The files of a source by split, as `files_in` has them, verified; `reader` says whose they are.

    EnvironmentFault where they are not on this machine, DataError where they are not what they were.
    """
    path = places.get(source.digest)
    if path is None or not Path(path).exists():
        raise EnvironmentFault(f"the files of {reader} are not on this machine: {path or 'no path given'}")
    if source_of_files(path).digest != source.digest:
        raise DataError(_CHANGED.format(path=path))
    return files_in(path)


def _splits_of(task: Task, found: Mapping[str, Path], path: str) -> Mapping[str, str]:
    """The task's own splits; where a folder lacks one of them, its `train` and `test` (or `validation`).

    One file, or the one split of a task that has no more, is "all".
    """
    if "" in found:
        return {"all": ""}
    missing = [split for split in task.splits.values() if split not in found]
    if not missing and not task.one_split:
        return task.splits
    test = next((split for split in ("test", "validation") if split in found), None)
    if test is None and task.one_split in found:
        return {"all": task.one_split}
    if "train" not in found or test is None:
        lacking = (missing or ["train"])[0]
        raise DataError(
            f"{path}: no file for the split {lacking!r} of {task.name!r}; there are {', '.join(found)}"
        )
    if missing:
        logger.info("%s has no split %r of %s: its %r is the test set", path, missing[0], task.name, test)
    return {"train": "train", "test": test}


def file_table(file: Path) -> Table:
    """The rows of one file, read as they are asked for."""
    readers = {"jsonl": _jsonl, "jsonl.gz": _jsonl, "parquet": _parquet, "csv": _csv}
    return Table(str(file), readers[format_of(file)](file))


def _jsonl(file: Path) -> Iterator[Row]:
    opened: Any = gzip.open if file.name.lower().endswith(".gz") else open
    try:
        with opened(file, "rt", encoding="utf-8-sig") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield _json_object(line, f"{file}, line {number}")
    except (UnicodeDecodeError, EOFError, gzip.BadGzipFile) as error:
        raise DataError(f"{file}: not readable as UTF-8 JSON lines: {error}") from None


def _json_object(line: str, place: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise DataError(f"{place}: not JSON: {error}") from None
    if not isinstance(row, dict):
        raise DataError(f"{place}: expected a JSON object, not {line.strip()[:60]!r}")
    return row


def _parquet(file: Path) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(file) as parquet:
            for batch in parquet.iter_batches(batch_size=1024):
                yield from batch.to_pylist()
    except pa.ArrowInvalid as error:
        raise DataError(f"{file}: not readable as Parquet: {error}") from None


def _csv(file: Path) -> Iterator[Row]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            yield from csv.DictReader(lines, strict=True)
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{file}: not readable as UTF-8 CSV: {error}") from None


def _hub_table(task: Task, spec: TaskSpec, split: str) -> Table:
    place = hub_place(task, spec.source, split)
    if not hub_of(task, spec.source).parquet:
        return Table(place, hub_rows(task, spec, split))
    return Table(place, itertools.chain.from_iterable(map(_parquet, hub_files(task, spec, split))))
