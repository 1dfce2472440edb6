"""`w2s tasks FOLDER`: what becomes of the rows in a folder of datasets, one line for each task that fits."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from w2s_ray.cli.prepare import registered
from w2s_ray.cli.tables import console, table
from w2s_ray.core.errors import ConfigError, DataError
from w2s_ray.tasks import TASKS, Task

# Folders that may carry another name than the task that reads them.
FOLDERS = {"cola": "glue_cola", "sst2": "glue_sst2", "wic": "super_glue_wic", "hh_harmless": "hh_rlhf"}


@dataclass(frozen=True, kw_only=True)
class TaskRow:
    """A task over a folder of rows: what its split keeps when every row may be used, and its lint.

    `train` and `test` count examples, `positive` and `positive_test` are shares of class 1 among them (of the
    first text as the better one, if pairwise; of the most frequent answer, if answers are texts). `lint` is the
    worst verdict, with its checks if it is a leak; `bag_of_words` the AUROC of that model. `seconds` are those of
    the split, `lint_seconds` those of the lint. `problem` is why there is no split, else "".
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
    lint: str = ""
    bag_of_words: float = float("nan")
    seconds: float = 0.0
    lint_seconds: float = 0.0
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
    from w2s_ray.cli.lint import lint_of

    began = time.monotonic()
    try:
        found = registered(name, folder).prepared()
    except DataError as error:
        return TaskRow(name=name, kind=TASKS[name].kind, problem=str(error))
    split_at = time.monotonic()
    lint = lint_of(found)
    examples, counts = found.examples, found.facts["counts"]
    in_test = [split == "test" for split in examples.splits]
    answers = examples.targets or examples.labels.tolist()
    found_in = {part: Counter(answer for answer, there in zip(answers, in_test, strict=True) if there is part)
                for part in (False, True)}  # fmt: skip
    groups = Counter(examples.groups)
    leaks = sorted({finding.check for finding in lint.leaks()})
    areas = {baseline.check: baseline.auroc for baseline in lint.measures.baselines}
    return TaskRow(
        name=name,
        kind=found.task.kind,
        rows=counts["rows"],
        examples=counts["examples"],
        train=found_in[False].total(),
        test=found_in[True].total(),
        positive=_share(found_in[False], found.task),
        positive_test=_share(found_in[True], found.task),
        groups=len(groups),
        largest_group=max(groups.values()),
        dropped=dropped(counts),
        lint=f"leak: {', '.join(leaks)}" if leaks else lint.worst,
        bag_of_words=areas.get("bag_of_words", float("nan")),
        seconds=split_at - began,
        lint_seconds=time.monotonic() - split_at,
    )


def _share(answers: Counter[Any], task: Task) -> float:
    """The share of class 1, or of the most frequent answer where answers are texts."""
    num = max(answers.values()) if task.kind == "text" else answers[1]
    return num / answers.total()


def dropped(counts: Mapping[str, Any]) -> str:
    """What was dropped on the way to the rows that may be chosen; `counts` are those of `split.json`."""
    silent = {"rows without an example": counts["rows without an example"]}
    return ", ".join(f"{num:,} {why}" for why, num in sorted({**counts["dropped"], **silent}.items())
                     if num and why != "not needed")  # fmt: skip


def task_table(root: Path) -> None:
    """Print the summary of every registered task whose rows are under `root`; ConfigError where there are none."""
    if not any(folder_of(name, root) for name in TASKS):
        raise ConfigError(f"{root}: no folder here bears a task's name; `w2s list tasks` prints them")
    heads = (
        "task",
        "kind",
        "rows",
        "examples",
        "train",
        "test",
        "class 1",
        "in test",
        "groups",
        "largest",
        "words",
    )
    shown = table(*heads, "lint", "dropped", "s")
    for column in shown.columns[:-3]:
        column.no_wrap = True
    for row in summary(TASKS, root):
        if row.problem:
            shown.add_row(row.name, row.kind, *[""] * 10, row.problem, "")
            continue
        counts = [f"{num:,}" for num in (row.rows, row.examples, row.train, row.test)]
        mark = "top " if row.kind == "text" else ""
        shares = [f"{mark}{share:.1%}" for share in (row.positive, row.positive_test)]
        shown.add_row(row.name, row.kind, *counts, *shares, f"{row.groups:,}", str(row.largest_group),
                      f"{row.bag_of_words:.2f}".replace("nan", ""), row.lint, row.dropped,
                      f"{row.seconds:.1f}+{row.lint_seconds:.1f}")  # fmt: skip
    console().print(shown)
