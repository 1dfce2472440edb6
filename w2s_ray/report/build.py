"""The report of a sweep, computed from its MLflow experiment alone, from any machine that reaches it.

`aggregate.json` is written each time (it says how long the command took); everything else only where the data
has changed since it was last written here.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from w2s_ray.core.errors import W2SError
from w2s_ray.report.figures import check_figures
from w2s_ray.report.numbers import statistics
from w2s_ray.report.render import render_files
from w2s_ray.report.results import ArmResult
from w2s_ray.report.sick import reader_warnings
from w2s_ray.report.statistics import sweep_results
from w2s_ray.report.table import aggregate
from w2s_ray.tracking.query import Experiment

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)
VERSION = 5  # of the report's code: bumped when equal data gives other files
_MARK = ".report.json"


def build_report(
    uri: str,
    experiment: str,
    out: Path,
    *,
    level: float = 0.95,
    draws: int = 10_000,
    figures: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Write aggregate.json, cells.csv, report.html and figures/ into `out`, log them, return the aggregate.

    `figures` names those to draw, in the page's order; None stands for every one that has something to draw. A sweep
    that is not finished is reported as far as it is. Raises ConfigError where there is no such experiment or figure,
    EnvironmentFault where the server does not answer.
    """
    check_figures(figures, "figures")
    source = Experiment(uri, experiment)
    sweep, cells, stages = source.sweep(), source.cells(), source.stages()
    digest = _digest(sweep, cells, stages, [level, draws, figures])
    kept = _unchanged(out, digest) if sweep["report_digest"] == digest else None
    if kept is not None:
        body = aggregate(sweep, [], level=level) | kept
        _write(out, {"aggregate.json": _json(body)})
        return body
    groups = cache(partial(_groups, source))
    found = sweep_results(source.arms(), cells, stages, groups, level=level, draws=draws)
    arms, warnings = found.arms, reader_warnings(cells.to_dict("records"))
    body = aggregate(sweep, arms, level=level, warnings=warnings) | {"statistics": statistics(found)}
    files = render_files(sweep, found, cells, stages, figures=figures)
    _forget(out, files)
    _write(out, files | {"aggregate.json": _json(body)})
    _write(out, {_MARK: _json({"digest": digest, "files": _sums(files), **_data(body)})})
    source.log_report(digest, _arm_metrics(arms, cells), files | {"aggregate.json": _json(body)})
    return body


def _groups(source: Experiment, test_set: str) -> NDArray[np.int64] | None:
    """Group codes of a test set, or None where they did not reach MLflow: there are no intervals then."""
    try:
        return source.truth(test_set).groups
    except W2SError as error:
        log.warning("no intervals on test set %s: %s", test_set, error)
        return None


def _arm_metrics(arms: Sequence[ArmResult], cells: pd.DataFrame) -> dict[str, dict[str, float]]:
    """What a query sorts by. `objective` is what arms may be chosen by; all else is of test rows."""
    found, objectives = {}, _objectives(cells)
    for arm in arms:
        values = {"objective": objectives.get(arm.id)}
        values |= {f"accuracy/{role}/test": value for role, value in arm.accuracy.items()}
        values |= {"pgr/median": arm.numbers.median, "pgr/pooled": arm.numbers.pooled}
        values |= {"pgr/ratio_of_means": arm.numbers.ratio_of_means}
        if arm.interval:
            values |= {"pgr/low": arm.interval.low, "pgr/high": arm.interval.high}
        found[arm.id] = {name: value for name, value in values.items() if value is not None}
    return found


def _objectives(cells: pd.DataFrame) -> dict[str, float]:
    """By arm, Σ gain / Σ gap on the tune rows of its dev tasks, where there is a gap."""
    if not {"gain/tune", "gap/tune"} <= set(cells.columns):
        return {}
    dev = cells[cells["role"] == "dev"]
    sums = dev.groupby("arm")[["gain/tune", "gap/tune"]].sum()
    return {
        str(arm): float(row["gain/tune"] / row["gap/tune"])
        for arm, row in sums.iterrows()
        if row["gap/tune"] > 0
    }


def _digest(
    sweep: Mapping[str, Any], cells: pd.DataFrame, stages: pd.DataFrame, options: Sequence[Any]
) -> str:
    """Of all data that the files show; how long this run took and what it reused is not among them."""
    shown = {name: sweep[name] for name in ("name", "complete", "failures", "versions", "cells", "arms")}
    rows = [cells.to_dict("records"), stages.drop(columns=["reused"], errors="ignore").to_dict("records")]
    text = json.dumps([VERSION, options, shown, rows], sort_keys=True, default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else str(value)


def _data(body: Mapping[str, Any]) -> dict[str, Any]:
    """The part of an aggregate that its data determine."""
    return {name: body[name] for name in ("arms", "warnings", "statistics")}


def _unchanged(out: Path, digest: str) -> dict[str, Any] | None:
    """`_data` as last computed, where every file is still what was written then."""
    try:
        mark = json.loads((out / _MARK).read_text(encoding="utf-8"))
        same = mark["digest"] == digest and all(
            hashlib.sha256((out / name).read_bytes()).hexdigest() == sum_
            for name, sum_ in mark["files"].items()
        )
        return _data(mark) if same else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _forget(out: Path, files: Mapping[str, bytes]) -> None:
    """Remove what an earlier report left here and this one does not have: a figure that is not drawn any more."""
    try:
        old = json.loads((out / _MARK).read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return
    for name in set(old) - set(files):
        (out / name).unlink(missing_ok=True)


def _sums(files: Mapping[str, bytes]) -> dict[str, str]:
    return {name: hashlib.sha256(raw).hexdigest() for name, raw in files.items()}


def _write(out: Path, files: Mapping[str, bytes]) -> None:
    """Each file whole or not at all."""
    for name, raw in files.items():
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.{os.getpid()}")
        part.write_bytes(raw)
        part.replace(path)


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=1, allow_nan=False) + "\n").encode()
