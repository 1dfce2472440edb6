"""Prepares a task for a look at it: its split stage, run here and kept nowhere."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from w2s_ray.core.graph import split_stage
from w2s_ray.core.specs import TaskSpec
from w2s_ray.tasks import TASKS, task_of
from w2s_ray.tasks.files import source_of_files

if TYPE_CHECKING:
    from w2s_ray.tasks import Task
    from w2s_ray.tasks.examples import Examples


@dataclass(frozen=True, kw_only=True, eq=False)
class Prepared:
    """A task with its examples, and the facts that its split stage records of them."""

    task: Task
    examples: Examples
    facts: Mapping[str, Any]


def prepared(name: str, path: Path | None = None, seed: int = 0) -> Prepared:
    """The split of a registered task: of all rows under `path`, else of its own source in its own sizes."""
    task = TASKS[name]
    source, half, validation, test = task.source, task.half, task.validation, task.test
    places = {}
    if path is not None:
        source, half, validation, test = source_of_files(path), 0, 0, 0
        places = {source.digest: str(path)}
    return prepare(TaskSpec(name=name, version=task.version, source=source, half=half, validation=validation,
                            test=test), places, seed)  # fmt: skip


def prepare(spec: TaskSpec, places: Mapping[str, str], seed: int = 0) -> Prepared:
    """The split of a specification; `places` says where the files of a source are, by its digest."""
    from w2s_ray.stages import split
    from w2s_ray.stages.job import Job
    from w2s_ray.tasks.examples import read_examples

    with tempfile.TemporaryDirectory(prefix="w2s-") as folder:
        out = Path(folder)
        outcome = split.run(Job(stage=split_stage(spec, seed), inputs={}, out=out, places=places))
        return Prepared(task=task_of(spec), examples=read_examples(out), facts=outcome.facts)
