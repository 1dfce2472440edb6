"""The command line: parses, calls, prints.

`w2s-sweep FILE` runs a sweep; `w2s plan|report|list|show|status` look at one. Exit codes: 0 done, 1 some cells
failed, 2 bad input, 3 environment, 4 budget or capacity, 130 interrupted.
"""

from __future__ import annotations

import errno
import functools
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from w2s_ray.cli.printing import (
    ProgressLine,
    described,
    print_aggregate,
    print_plan,
    print_result,
    print_versus,
    registered,
)
from w2s_ray.core.errors import EnvironmentFault, W2SError

if TYPE_CHECKING:
    from w2s_ray.sweep.nouns import Sweep

INTERRUPTED = 130
DISK_ERRORS = {errno.EACCES, errno.EDQUOT, errno.EEXIST, errno.EIO, errno.ENAMETOOLONG, errno.ENOSPC, errno.ENOTDIR,
               errno.EPERM, errno.EROFS}  # fmt: skip
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
Rows = Annotated[Path | None, typer.Option(help="the task's rows: a file or a folder")]
InSweep = Annotated[
    Path | None, typer.Option("--sweep", metavar="FILE", help="the task with this alias in a sweep's file")
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
        except OSError as error:
            if error.errno not in DISK_ERRORS:
                raise
            typer.echo(
                f"error: {error.filename or 'disk'}: {error.strerror}; finished stages are kept", err=True
            )
            raise typer.Exit(EnvironmentFault.exit_code) from error
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

    aggregate = build_report(result.tracking_uri, loaded.name, where, **asdict(loaded.report))
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
    experiments: Annotated[
        list[str], typer.Argument(metavar="SWEEP [OTHER]", help="a sweep's name; of two, their differences")
    ],
    tracking: Tracking = None,
    out: Out = None,
    level: Annotated[float, typer.Option(help="level of the intervals")] = 0.95,
    draws: Annotated[int, typer.Option(help="bootstrap draws")] = 10_000,
    figure: Annotated[
        list[str] | None, typer.Option(help="draw this figure; may be repeated (default: all that can be)")
    ] = None,
    json_: Json = False,
) -> None:
    """Compute the aggregate and the page of a sweep from MLflow's queries alone, or compare two sweeps."""
    from w2s_ray.report.build import build_report
    from w2s_ray.tracking import default_uri

    if len(experiments) > 1:
        print_versus(experiments, tracking, level=level, as_json=json_)
        return
    (experiment,) = experiments
    where = out or Path("results") / experiment
    uri = tracking or default_uri(where)
    aggregate = build_report(uri, experiment, where, level=level, draws=draws, figures=figure or None)
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
def show(
    name: Annotated[str, typer.Argument(help="a method or a task")],
    rows: Annotated[int, typer.Option(min=0, help="print so many of a task's examples, and a histogram")] = 0,
    path: Rows = None,
    sweep: InSweep = None,
    set_: Set = None,
    tokenizer: Annotated[Path | None, typer.Option(help="a model's folder, whose tokens to count")] = None,
) -> None:
    """A method's equation and parameters, or a task's declaration and, with --rows, examples."""
    if not (rows or path or sweep or set_ or tokenizer):
        typer.echo(described(name))
        return
    from w2s_ray.cli.prepare import subject
    from w2s_ray.cli.show import show_rows

    show_rows(subject(name, path, sweep, set_ or ()), rows or 5, tokenizer)


@app.command(name="lint")
@guarded
def lint_(
    task: Annotated[str, typer.Argument(help="a registered task, or with --sweep an alias")],
    path: Rows = None,
    sweep: InSweep = None,
    set_: Set = None,
    seed: Annotated[int, typer.Option(help="draws the halves")] = 0,
    json_: Json = False,
) -> None:
    """Look for leaks and shortcuts in a task's rows; 1 where a leak is found."""
    from w2s_ray.cli.lint import print_lint
    from w2s_ray.cli.prepare import subject

    found = subject(task, path, sweep, set_ or ())
    raise typer.Exit(0 if print_lint(found, seed, as_json=json_) else 1)


@app.command(name="pin")
@guarded
def pin_(
    file: File, update: Annotated[bool, typer.Option("--update", help="resolve known pins again")] = False
) -> None:
    """Resolve every unpinned hub revision once, into a lock file beside the sweep. Needs the hub."""
    from w2s_ray.cli.hub import lock_file, pin

    for entry in pin(file, update=update):
        typer.echo(f"{entry.where}  {entry.source}  {entry.revision}")
    typer.echo(f"lock    {lock_file(file)}")


@app.command(name="doctor")
@guarded
def doctor_(
    hub: Annotated[bool, typer.Option("--hub", help="load every registered dataset from the hub")] = False,
) -> None:
    """Check what a sweep needs: packages, and with --hub every dataset: columns, labels, row counts."""
    from w2s_ray.cli.hub import doctor

    checks = doctor(hub)
    for check in checks:
        typer.echo(check.line)
    raise typer.Exit(0 if all(check.ok for check in checks) else EnvironmentFault.exit_code)


@app.command(name="tasks")
@guarded
def tasks_(
    root: Annotated[Path, typer.Argument(help="a folder with one folder of rows per dataset")],
) -> None:
    """Prepare and lint every registered task whose rows lie below a folder, in one table."""
    from w2s_ray.cli.tasks import task_table

    task_table(root)


@app.command()
@guarded
def gc(store: Annotated[str, typer.Argument(help="a path or an fsspec URL")] = "results/store") -> None:
    """Remove attempts that no record names and that nobody works on."""
    from w2s_ray.store import Store

    removed = Store(store).collect_garbage()
    typer.echo(f"removed {len(removed)} abandoned attempts from {store}")


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
    from w2s_ray.cli.hub import load_locked

    extra = [f"store={json.dumps(store)}"] if store else []
    extra += [f"tracking.uri={json.dumps(tracking)}"] if tracking else []
    loaded = load_locked(file, [*(overrides or []), *extra])
    if loaded.report.figures:
        from w2s_ray.report.figures import check_figures

        check_figures(loaded.report.figures, f"{file}: report.figures")
    return loaded


def start(command: typer.Typer) -> None:
    """Set the process up and run a command."""
    signal.signal(signal.SIGTERM, _interrupt)
    level = os.environ.get("W2S_LOG", "WARNING").upper()
    logging.basicConfig(level=level, format="%(levelname)s %(name)s: %(message)s")
    try:
        command()
    except SystemExit as end:
        if (
            end.code == INTERRUPTED
        ):  # a stage may still compute on a thread, which an ordinary end would wait for
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(INTERRUPTED)
        raise


def _interrupt(number: int, frame: Any) -> None:
    raise KeyboardInterrupt


def main() -> None:
    """`w2s`"""
    start(app)


def sweep_main() -> None:
    """`w2s-sweep`"""
    start(sweep_app)
