"""The command line: parses, calls, prints.

`w2s-sweep FILE` runs a sweep; `w2s plan|report|list|show|status` look at one. Exit codes: 0 done, 1 some cells
failed, 2 bad input, 3 environment, 4 budget or capacity, 130 interrupted.
"""

from __future__ import annotations

import functools
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from w2s_ray.core.errors import W2SError

if TYPE_CHECKING:
    from w2s_ray.sweep.nouns import Sweep
    from w2s_ray.sweep.recorder import Recorder
    from w2s_ray.sweep.run import SweepResult

INTERRUPTED = 130
Command = TypeVar("Command", bound=Callable[..., None])
app = typer.Typer(
    name="w2s", help="Weak-to-strong generalization sweeps.", no_args_is_help=True, add_completion=False
)
sweep_app = typer.Typer(add_completion=False)

File = Annotated[Path, typer.Argument(metavar="FILE", help="the sweep's YAML file")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="override a dotted key; may be repeated"),
]
Out = Annotated[Path | None, typer.Option(help="where the report goes (default: results/<sweep>)")]
StoreUrl = Annotated[str | None, typer.Option("--store", help="where records live: a path or an fsspec URL")]
Tracking = Annotated[
    str | None, typer.Option("--tracking", help="MLflow tracking URI (default: a file in --out)")
]
Json = Annotated[bool, typer.Option("--json", help="print JSON instead of tables")]


def guarded(command: Command) -> Command:
    """A foreseen error is one message and its exit code, never a traceback; so is Ctrl-C."""

    @functools.wraps(command)
    def call(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except W2SError as error:
            typer.echo(f"error: {error}", err=True)
            raise typer.Exit(error.exit_code) from error
        except KeyboardInterrupt:
            typer.echo("interrupted; finished stages are kept, the same command continues", err=True)
            raise typer.Exit(INTERRUPTED) from None

    return call  # type: ignore[return-value]


@sweep_app.command()
@guarded
def sweep(
    file: File,
    set_: Set = None,
    out: Out = None,
    store: StoreUrl = None,
    tracking: Tracking = None,
    address: Annotated[str | None, typer.Option(help="join this Ray cluster instead of starting one")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="count and estimate only")] = False,
    json_: Json = False,
) -> None:
    """Run every training the sweep needs, each once, and report how much of the gap was recovered."""
    loaded = load(file, set_, store, tracking)
    if dry_run:
        print_plan(loaded, as_json=json_)
        return
    from w2s_ray.sweep.run import run_sweep

    started = time.monotonic()
    where = out or Path("results") / loaded.name
    result = run_sweep(loaded, where, address=address, progress=ProgressLine(quiet=json_))
    from w2s_ray.report.build import build_report

    level, draws = loaded.report.level, loaded.report.draws
    aggregate = build_report(result.tracking_uri, loaded.name, where, level=level, draws=draws)
    print_result(result, aggregate, where, seconds=time.monotonic() - started, as_json=json_)
    raise typer.Exit(0 if result.complete and not result.failures else 1)


app.command(name="sweep", help="Run a sweep (the same as w2s-sweep).")(sweep)


@app.command()
@guarded
def plan(
    file: File,
    set_: Set = None,
    store: StoreUrl = None,
    slots: Annotated[int, typer.Option(help="workers in the simulated makespan")] = 0,
    json_: Json = False,
) -> None:
    """Count a sweep's stages, what the store has of them, and what the rest would cost. Starts nothing."""
    print_plan(load(file, set_, store, None), as_json=json_, slots=slots)


@app.command()
@guarded
def report(
    experiment: Annotated[str, typer.Argument(help="the sweep's name")],
    tracking: Tracking = None,
    out: Out = None,
    level: Annotated[float, typer.Option(help="level of the intervals")] = 0.95,
    draws: Annotated[int, typer.Option(help="bootstrap draws")] = 2000,
    json_: Json = False,
) -> None:
    """Compute the aggregate and the figures of an experiment from MLflow's queries alone."""
    from w2s_ray.report.build import build_report
    from w2s_ray.tracking import default_uri

    where = out or Path("results") / experiment
    aggregate = build_report(tracking or default_uri(where), experiment, where, level=level, draws=draws)
    print_aggregate(aggregate, as_json=json_)
    if not json_:
        typer.echo(f"report  {where / 'report.html'}")


@app.command(name="list")
@guarded
def list_(what: Annotated[str, typer.Argument(help="methods, tasks or models")]) -> None:
    """What is registered."""
    typer.echo("\n".join(registered(what)))


@app.command()
@guarded
def show(name: Annotated[str, typer.Argument(help="a method or a task")]) -> None:
    """A method's equation and parameters, or a task's declaration."""
    typer.echo(described(name))


@app.command()
@guarded
def status(file: File, set_: Set = None, store: StoreUrl = None) -> None:
    """How far a sweep has come: its stages by kind and state, from the store."""
    from w2s_ray.sweep.plan import make_plan
    from w2s_ray.sweep.work import Work

    plan = make_plan(Work(load(file, set_, store, None)))
    for kind, counts in plan.counts().items():
        typer.echo(f"{kind:10} {counts['in_store']:6} of {counts['unique']} done")


def load(file: Path, overrides: list[str] | None, store: str | None, tracking: str | None) -> Sweep:
    """The checked sweep, with the command line's own options laid over it."""
    from w2s_ray.sweep.config import load_sweep

    extra = [f"store={json.dumps(store)}"] if store else []
    extra += [f"tracking.uri={json.dumps(tracking)}"] if tracking else []
    return load_sweep(file, [*(overrides or []), *extra])


class ProgressLine:
    """One line that follows a sweep: rewritten on a terminal, said again every 10 s elsewhere."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._live = sys.stderr.isatty()
        self._last = ""
        self._said_at = 0.0

    def __call__(self, recorder: Recorder) -> None:
        counts = recorder.counts
        running = sum(state == "begun" for state in recorder.states.values())
        line = (
            f"stages {counts['reused'] + counts['run']}/{counts['unique']}  reused {counts['reused']}  "
            f"running {running}  failed {counts['failed']}  {recorder.seconds:4.0f} s"
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
    from w2s_ray.methods import METHODS, parameters
    from w2s_ray.tasks import TASKS

    if name in METHODS:
        lines = [f"{name} (version {METHODS[name].version})", METHODS[name].__doc__ or ""]
        for item in parameters(name).values():
            domain = ", ".join(map(str, item.choices)) or f"{item.ge} … {item.le}"
            lines.append(f"  {item.name}: {item.type.__name__} = {item.default}  ({domain})  {item.doc}")
        return "\n".join(lines)
    if name in TASKS:
        task = TASKS[name]
        return f"{name} (version {task.version}): {task.kind}, {task.family}, licence {task.licence}\n{task.source}"
    raise ConfigError(unknown("method or task", name, [*METHODS, *TASKS]))


def start(command: typer.Typer) -> None:
    """Set the process up and run a command."""
    signal.signal(signal.SIGTERM, _interrupt)
    level = os.environ.get("W2S_LOG", "WARNING").upper()
    logging.basicConfig(level=level, format="%(levelname)s %(name)s: %(message)s")
    command()


def _interrupt(number: int, frame: Any) -> None:
    raise KeyboardInterrupt


def main() -> None:
    """`w2s`"""
    start(app)


def sweep_main() -> None:
    """`w2s-sweep`"""
    start(sweep_app)
