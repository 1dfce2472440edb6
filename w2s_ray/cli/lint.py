"""`w2s lint TASK`: the numbers of a lint as tables, its verdicts as lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import typer

from w2s_ray.cli.prepare import Prepared, prepared
from w2s_ray.cli.tables import console, table
from w2s_ray.tasks.lint import CHECKS, Lint


def lint_of(prepared: Prepared) -> Lint:
    """The lint of a prepared task."""
    from w2s_ray.tasks.lint.run import lint

    return lint(prepared.examples, prepared.facts["num_classes"])


def lint_task(name: str, path: Path | None, seed: int, *, as_json: bool) -> bool:
    """Print the lint of a task; whether it is free of leaks."""
    found = lint_of(prepared(name, path, seed))
    if as_json:
        typer.echo(json.dumps({"task": name, "seed": seed, **found.to_json()}, indent=1, allow_nan=False))
    else:
        _print(name, found)
    return not found.leaks()


def _print(name: str, found: Lint) -> None:
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
        typer.echo(f"{finding.verdict}  {finding.check}: {finding.sentence}")
    if not found.findings:
        typer.echo("clean")


def _shared(found: Lint) -> list[list[Any]]:
    rows: dict[str, list[str]] = {}
    for one in found.measures.overlaps:
        rows.setdefault(f"{one.first} in {one.second}", [f"{one.of:,}"]).insert(-1, f"{one.num:,}")
    return [[splits, *counts] for splits, counts in rows.items()]
