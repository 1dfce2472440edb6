"""`w2s tasks FOLDER`: what becomes of the rows in a folder of datasets, one line for each task that fits."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from w2s_ray.core.errors import DataError
from w2s_ray.core.specs import SPLITS, TaskSpec
from w2s_ray.tasks import TASKS, task_of
from w2s_ray.tasks.files import source_of_files

# Folders that may carry another name than the task that reads them.
FOLDERS = {"cola": "glue_cola", "sst2": "glue_sst2", "wic": "super_glue_wic", "hh_harmless": "hh_rlhf"}
TRAINING = tuple(split for split in SPLITS if split != "test")

WIDTH = 160  # columns, where the output is no terminal


@dataclass(frozen=True, kw_only=True)
class TaskRow:
    """A task over a folder of rows: what its split keeps when every row may be used.

    `train` and `test` count examples, `positive` and `positive_test` are shares of class 1 among them (of the
    first text as the better one, if pairwise). `problem` is why there is no split, else "".
    """

    name: str
    kind: str
    rows: int = 0
    examples: int = 0
    train: int = 0
    test: int = 0
    positive: float = float("nan")
    positive_test: float = float("nan")
    groups: int = 0
    largest_group: int = 0
    dropped: str = ""
    seconds: float = 0.0
    problem: str = ""


def folder_of(name: str, root: Path) -> Path | None:
    """Where a task's rows are under `root`, None if they are not there."""
    places = (root / name, root / FOLDERS.get(name, name))
    return next((folder for folder in places if folder.is_dir()), None)


def summary(names: Iterable[str], root: Path) -> list[TaskRow]:
    """A row for each of these tasks whose folder is under `root`, split with seed 0 and without bounds."""
    found = [(name, folder_of(name, root)) for name in names]
    return [_summarised(name, folder) for name, folder in found if folder is not None]


def _summarised(name: str, folder: Path) -> TaskRow:
    from w2s_ray.stages.split import split
    from w2s_ray.tasks.load import tables

    task, source, began = TASKS[name], source_of_files(folder), time.monotonic()
    spec = TaskSpec(name=name, version=task.version, source=source, half=0, validation=0, test=0)
    try:
        found = split(task_of(spec), spec, 0, tables(task_of(spec), spec, {source.digest: str(folder)}))
    except DataError as error:
        return TaskRow(name=name, kind=task.kind, problem=str(error))
    train = [item for part in TRAINING for item in found.items[part]]
    test = found.items["test"]
    groups = Counter(item.example.group for item in (*train, *test))
    return TaskRow(
        name=name,
        kind=task.kind,
        rows=found.num_rows,
        examples=found.num_examples,
        train=len(train),
        test=len(test),
        positive=sum(item.label == 1 for item in train) / len(train),
        positive_test=sum(item.label == 1 for item in test) / len(test),
        groups=len(groups),
        largest_group=max(groups.values()),
        dropped=", ".join(f"{num} {why}" for why, num in sorted(found.dropped.items())),
        seconds=time.monotonic() - began,
    )


def task_table(root: Path) -> None:
    """Print the summary of every registered task whose rows are under `root`."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    heads = ("task", "kind", "rows", "examples", "train", "test", "class 1", "in test", "groups", "largest")
    table = Table(*heads, "dropped", "s", box=SIMPLE_HEAD, pad_edge=False)
    for column in table.columns[:-2]:
        column.no_wrap = True
    for row in summary(TASKS, root):
        if row.problem:
            table.add_row(row.name, row.kind, *[""] * 8, row.problem, "")
            continue
        counts = [f"{num:,}" for num in (row.rows, row.examples, row.train, row.test)]
        shares = [f"{share:.1%}" for share in (row.positive, row.positive_test)]
        table.add_row(row.name, row.kind, *counts, *shares, f"{row.groups:,}", str(row.largest_group),
                      row.dropped, f"{row.seconds:.1f}")  # fmt: skip
    console.print(table)
