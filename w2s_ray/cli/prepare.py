"""Prepares a task for a look at it: its rows are split here, without a lint, and kept nowhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from w2s_ray.core.errors import ConfigError
from w2s_ray.core.registry import unknown
from w2s_ray.core.specs import TaskSpec
from w2s_ray.tasks import TASKS
from w2s_ray.tasks.files import source_of_files

if TYPE_CHECKING:
    from w2s_ray.stages.split import Prepared


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A task to look at: what its user calls it, and where the files of its source are, by their digest."""

    name: str
    spec: TaskSpec
    places: Mapping[str, str] = field(default_factory=dict)

    def prepared(self, seed: int = 0) -> Prepared:
        """Its split; DataError where the rows cannot be split."""
        from w2s_ray.stages.split import prepare

        return prepare(self.spec, seed, self.places, self.name)


def subject(
    name: str, path: Path | None = None, sweep: Path | None = None, overrides: Sequence[str] = ()
) -> Subject:
    """The task with this alias in a sweep's file, or this registered task: over `path`, or its own source."""
    if sweep is None:
        if overrides:
            raise ConfigError("--set changes what a sweep's file says; it needs --sweep FILE")
        return registered(name, path)
    if path is not None:
        raise ConfigError(f"--path and --sweep exclude each other; use --set tasks.{name}.path={path}")
    return in_sweep(name, sweep, overrides)


def registered(name: str, path: Path | None = None) -> Subject:
    """A registered task: with all rows under `path`, else from its own source in its own sizes."""
    task = TASKS[name]
    spec = TaskSpec(name=task.name, version=task.version, source=task.source, half=task.half,
                    validation=task.validation, test=task.test)  # fmt: skip
    if path is None:
        return Subject(name=name, spec=spec)
    source = source_of_files(path)
    spec = replace(spec, source=source, half=0, validation=0, test=0)
    return Subject(name=name, spec=spec, places={source.digest: str(path)})


def in_sweep(name: str, file: Path, overrides: Sequence[str] = ()) -> Subject:
    """A task of a sweep's file by its alias, as the sweep would use it."""
    from w2s_ray.cli.hub import load_locked

    sweep = load_locked(file, overrides)
    if name not in sweep.tasks:
        raise ConfigError(f"{file}: {unknown('task', name, sweep.tasks)}")
    return Subject(name=name, spec=sweep.tasks[name].spec, places=sweep.places)
