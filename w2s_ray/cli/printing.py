"""What the command line prints: a progress line, a plan, an aggregate, a registry's entries."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from w2s_ray.sweep.nouns import Sweep
    from w2s_ray.sweep.recorder import Recorder
    from w2s_ray.sweep.run import SweepResult


class ProgressLine:
    """One line that follows a sweep: rewritten on a terminal, said again every 10 s elsewhere."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._live = sys.stderr.isatty()
        self._last = ""
        self._said_at = 0.0

    def __call__(self, recorder: Recorder) -> None:
        counts = recorder.counts
        line = (
            f"stages {counts['reused'] + counts['run']}/{counts['unique']}  reused {counts['reused']}  "
            f"running {recorder.num_running}  failed {counts['failed']}  {recorder.seconds:4.0f} s"
        )
        if self._quiet or line == self._last or (not self._live and time.monotonic() < self._said_at + 10):
            return
        self._last, self._said_at = line, time.monotonic()
        sys.stderr.write(f"\r\x1b[K{line}" if self._live else f"{line}\n")
        sys.stderr.flush()


def print_plan(loaded: Sweep, *, as_json: bool, slots: int = 0) -> None:
    """A sweep's plan as a table or as JSON."""
    from w2s_ray.sweep.plan import make_plan
    from w2s_ray.sweep.work import Work

    work = Work(loaded)
    planned = make_plan(work, slots=slots or os.cpu_count() or 1)
    if as_json:
        typer.echo(json.dumps(planned.to_json(), indent=1))
        return
    typer.echo(f"sweep {loaded.name}: {planned.num_arms} arms, {planned.num_cells} cells")
    for kind, counts in planned.counts().items():
        typer.echo(f"  {kind:10} {counts['unique']:6} stages, {counts['in_store']} in the store")
    if loaded.search is not None:
        typer.echo(f"  a search of {loaded.search.trials} trials per study chooses its arms as it goes")
    hours = (
        f"{planned.gpu_hours:.2f} GPU-hours" if planned.gpu_hours else f"{planned.cpu_hours:.2f} CPU-hours"
    )
    money = "" if planned.dollars is None else f", {planned.dollars:.2f} dollars"
    typer.echo(
        f"  to do: {len(planned.missing)} stages, about {planned.flops:.2g} FLOP, {hours}{money}, "
        f"{planned.makespan_s / 60:.1f} minutes on {planned.num_slots} workers (estimates)"
    )
    for line in notes(loaded):
        typer.echo(f"  note: {line}")


def notes(loaded: Sweep) -> list[str]:
    """What a user should know before the sweep runs."""
    found = [f"{alias} has no pinned revision" for alias in loaded.unpinned]
    roles = [
        (role, alias, task)
        for role in ("weak", "student", "ceiling")
        for alias in loaded.models
        for task in loaded.tasks
    ]
    on_cpu = {alias for role, alias, task in roles if loaded.recipe(role, alias, task).precision == "bf16"  # type: ignore[arg-type]
              and not loaded.resources.placement(alias).gpus}  # fmt: skip
    if on_cpu:
        found.append(f"bf16 on a CPU is slow, and emulated on most: {', '.join(sorted(on_cpu))}")
    return found


def print_result(
    result: SweepResult, aggregate: dict[str, Any], where: Path, *, seconds: float, as_json: bool
) -> None:
    """The arms' table, and where everything is."""
    if sys.stderr.isatty() and not as_json:
        sys.stderr.write("\n")
    print_aggregate(aggregate, as_json=as_json)
    for key, cause in result.failures.items():
        typer.echo(f"failed  {key}: {cause}", err=True)
    if as_json:
        return
    stages = aggregate["stages"]
    typer.echo(
        f"stages  {stages['run']} run, {stages['reused']} reused, {stages['failed']} failed, {seconds:.1f} s"
    )
    typer.echo(f"report  {where / 'report.html'}")
    typer.echo(f"MLflow  mlflow ui --backend-store-uri {result.tracking_uri}")


def print_aggregate(aggregate: dict[str, Any], *, as_json: bool) -> None:
    """An aggregate as JSON or as a table."""
    if as_json:
        typer.echo(json.dumps(aggregate, indent=1))
        return
    from rich.console import Console

    from w2s_ray.report.summary import arm_table

    Console().print(arm_table(aggregate))


def print_versus(names: Sequence[str], tracking: str | None, *, level: float, as_json: bool) -> None:
    """The paired differences of two sweeps, as JSON or as a table; each has its own default tracking URI."""
    from w2s_ray.cli.tables import console
    from w2s_ray.core.errors import ConfigError
    from w2s_ray.report.versus import compare_sweeps, versus_json, versus_table
    from w2s_ray.tracking import default_uri

    if len(names) != 2 or names[0] == names[1]:
        raise ConfigError(
            f"w2s report takes one sweep, or two different ones to compare; got {', '.join(names)}"
        )
    first, second = ((tracking or default_uri(Path("results") / name), name) for name in names)
    found = compare_sweeps(first, second, level=level)
    if as_json:
        typer.echo(json.dumps(versus_json(found), indent=1))
    else:
        console().print(versus_table(found))


def registered(what: str) -> list[str]:
    """The lines of `w2s list`."""
    from w2s_ray.core.errors import ConfigError
    from w2s_ray.core.registry import unknown
    from w2s_ray.methods import METHODS
    from w2s_ray.models.families import known_names
    from w2s_ray.models.tiny import TINY
    from w2s_ray.tasks import TASKS

    known: dict[str, Callable[[], list[str]]] = {
        "methods": lambda: list(METHODS),
        "tasks": lambda: list(TASKS),
        "models": lambda: [*(f"tiny/{size}" for size in TINY), *known_names()],
    }
    if what not in known:
        raise ConfigError(unknown("list", what, known))
    return known[what]()


def described(name: str) -> str:
    """The lines of `w2s show`."""
    from w2s_ray.core.errors import ConfigError
    from w2s_ray.core.registry import unknown
    from w2s_ray.core.specs import MethodSpec
    from w2s_ray.methods import METHODS, parameters
    from w2s_ray.tasks import TASKS
    from w2s_ray.tasks.show import declaration

    if name in METHODS:
        lines = [f"{name} (version {METHODS[name].version})", METHODS[name].__doc__ or ""]
        for item in parameters(name).values():
            default = item.default.label if isinstance(item.default, MethodSpec) else item.default
            lines.append(f"  {item.name}: {item.type.__name__} = {default}  ({item.domain})  {item.doc}")
        return "\n".join(lines)
    if name in TASKS:
        return "\n".join(declaration(TASKS[name]))
    raise ConfigError(unknown("method or task", name, [*METHODS, *TASKS]))
