"""`w2s lint TASK`: the numbers of a lint as tables, its verdicts as lines."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import typer

from w2s_ray.cli.prepare import Subject
from w2s_ray.cli.tables import console, table
from w2s_ray.tasks.lint import CHECKS, Lint

if TYPE_CHECKING:
    from w2s_ray.stages.split import Prepared


def lint_of(prepared: Prepared) -> Lint:
    """The lint of a prepared task."""
    from w2s_ray.tasks.lint.run import lint_task

    return lint_task(prepared.task, prepared.examples)


def print_lint(subject: Subject, seed: int, *, as_json: bool) -> bool:
    """Print the lint of a task; whether it is free of leaks, but for those that its sweep allows."""
    name, allowed = subject.name, subject.spec.allow_leaks
    found = lint_of(subject.prepared(seed))
    if as_json:
        told = {"task": name, "seed": seed, "allowed": [*allowed], **found.to_json()}
        typer.echo(json.dumps(told, indent=1, allow_nan=False))
    else:
        _print(name, found, allowed)
    return not found.leaks(allowed)


def _print(name: str, found: Lint, allowed: tuple[str, ...]) -> None:
    measures, screen = found.measures, console()
    screen.print(f"{name}: {measures.num_halves:,} rows in the halves, {measures.num_test:,} in the test set")
    models = table("trivial model", "accuracy", "AUROC", "what it is")
    for baseline in measures.baselines:
        models.add_row(
            baseline.check, f"{baseline.accuracy:.1%}", f"{baseline.auroc:.3f}", CHECKS[baseline.check]
        )
    for feature in measures.features:
        models.add_row(feature.name, "", f"{feature.auroc:.3f}", "")
    shared = table("splits", "groups", "duplicates", "near-duplicates", "of rows")
    for row in _shared(found):
        shared.add_row(*row)
    if measures.baselines:
        screen.print(models)
    screen.print(shared)
    for finding in found.findings:
        verdict = f"{finding.verdict}{' (allowed)' if finding.check in allowed else ''}"
        typer.echo(f"{verdict}  {finding.check}: {finding.sentence}")
    if not found.findings:
        typer.echo("clean")


def _shared(found: Lint) -> list[list[str]]:
    """A row for each pair of splits; images have no near-duplicates."""
    rows: dict[str, dict[str, str]] = {}
    for one in found.measures.overlaps:
        rows.setdefault(f"{one.first} in {one.second}", {"of": f"{one.of:,}"})[one.check] = f"{one.num:,}"
    checks = ("groups", "duplicates", "near_duplicates", "of")
    return [[splits, *(counts.get(check, "") for check in checks)] for splits, counts in rows.items()]
