"""Read an experiment back as tidy tables, from MLflow queries and nothing else.

Twins of a run (two processes created it at once) count once, the oldest. A row of an unfinished sweep is
there as soon as its run is complete.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from w2s_ray.core.errors import ConfigError, EnvironmentFault, W2SError
from w2s_ray.tracking import bits, names
from w2s_ray.tracking.apply import log_bytes
from w2s_ray.tracking.client import connect, find_experiment, join_tag, public, search_all, without_secrets

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Truth:
    """Labels and group codes of one frozen test set, in frozen id order."""

    labels: NDArray[np.int64]
    groups: NDArray[np.int64]


class Experiment:
    """One experiment of ours. ConfigError where it is missing or another tool's, EnvironmentFault where the
    server does not answer."""

    def __init__(self, uri: str, name: str) -> None:
        self.name, self._uri = name, uri
        try:
            self._client = connect(uri)
            self._id = find_experiment(self._client, name)
            self._found = _unique(search_all(self._client, self._id))
        except W2SError:
            raise
        except Exception as error:  # MLflow raises whatever its backend does
            cause = without_secrets(error, uri).splitlines()[0][:300]
            raise EnvironmentFault(f"tracking server {public(uri)} does not answer: {cause}") from None
        if not any(tags.get(names.KIND) == "sweep" for tags in map(_tags, self._found)):
            raise ConfigError(f"experiment {name!r} holds no sweep yet")

    @cached_property
    def _sweep(self) -> Any:
        """The sweep that was written last."""
        sweeps = [run for run in self._found if _tags(run).get(names.KIND) == "sweep"]
        return max(sweeps, key=lambda run: (run.info.end_time or run.info.start_time, run.info.run_id))

    def sweep(self) -> dict[str, Any]:
        """name, complete, seconds, stages (counts), failures, versions, cells and arms (ids in order)."""
        tags, metrics = self._sweep.data.tags, self._sweep.data.metrics
        return {
            "name": tags[names.SWEEP],
            "complete": tags.get(names.COMPLETE) == "true",
            "seconds": metrics.get(names.SECONDS, 0.0),
            "stages": {name: int(metrics.get(f"stages/{name}", 0)) for name in names.STAGE_COUNTS},
            "failures": json.loads(join_tag(tags, names.FAILURES) or "{}"),
            "versions": json.loads(join_tag(tags, names.VERSIONS) or "{}"),
            "cells": join_tag(tags, names.CELLS).split(),
            "arms": join_tag(tags, names.ARMS).split(),
            "report_digest": tags.get(names.REPORT_DIGEST, ""),
        }

    def cells(self) -> pd.DataFrame:
        """A row per finished cell of the sweep's plan, in the plan's order; a column per tag, parameter word
        and metric, prefixes gone."""
        return _table([_cell_row(run) for run in self._planned("cell", "cells")])

    def arms(self) -> pd.DataFrame:
        """A row per arm of the plan: id, weak, strong, method, params and whatever the report logged."""
        return _table([_arm_row(run) | run.data.metrics for run in self._planned("arm", "arms")])

    def stages(self) -> pd.DataFrame:
        """A row per stage: key, kind, sizes, seconds, metrics, when it finished (`finished_s`, of the epoch), layout
        and provenance. What a training has, else None: `correct` as booleans, `confidence` as counts of right and
        wrong test answers by confidence, `curve` as a list of [step, accuracy on select rows, on test rows]."""
        return _table([_stage_row(run) for run in self._found if _tags(run).get(names.KIND) == "stage"])

    def truth(self, test_set: str) -> Truth:
        """Labels and groups of a test set, by the name that cells and stages carry in `test_set`."""
        from tempfile import TemporaryDirectory

        splits = [run for run in self._found if _tags(run).get(names.STAGE_KIND) == "split"]
        run = next((run for run in splits if _tags(run).get(names.TEST_SET) == test_set), None)
        if run is None:
            raise ConfigError(f"experiment {self.name!r} holds no split with test set {test_set}")
        with TemporaryDirectory() as folder:
            try:
                path = self._client.download_artifacts(run.info.run_id, names.truth_path(test_set), folder)
                with open(path, encoding="utf-8") as file:  # noqa: PTH123
                    body = json.load(file)
            except Exception as error:
                cause = without_secrets(error, self._uri).splitlines()[0][:300]
                raise EnvironmentFault(f"truth of test set {test_set} cannot be read: {cause}") from None
        return Truth(labels=np.asarray(body["labels"]), groups=np.asarray(body["groups"]))

    def log_report(
        self, digest: str, arm_metrics: dict[str, dict[str, float]], artifacts: dict[str, bytes]
    ) -> None:
        """Aggregates go on the arms' runs (by short id), artifacts on the sweep's, the digest last."""
        from mlflow.entities import Metric

        runs = {_short(_tags(run)[names.ID]): run.info.run_id for run in self._planned("arm", "arms")}
        for arm, metrics in arm_metrics.items():
            if arm in runs:
                values = [Metric(name, value, 0, 0) for name, value in sorted(metrics.items())]
                self._client.log_batch(runs[arm], metrics=values)
        sweep = self._sweep.info.run_id
        for path, raw in artifacts.items():
            log_bytes(self._client, sweep, path, raw)
        self._client.set_tag(sweep, names.REPORT_DIGEST, digest)

    def _planned(self, kind: str, plan: str) -> list[Any]:
        sweep = self.sweep()
        prefix = f"{kind}/{sweep['name']}/"
        by_id = {_tags(run)[names.ID]: run for run in self._found if _tags(run).get(names.KIND) == kind}
        return [by_id[prefix + short] for short in sweep[plan] if prefix + short in by_id]


def _unique(runs: list[Any]) -> list[Any]:
    """Complete runs, the first of each id. Runs of other tools in the experiment are not ours to read."""
    found: dict[str, Any] = {}
    for run in runs:
        tags = _tags(run)
        if names.DIGEST in tags:
            found.setdefault(tags[names.ID], run)
    return list(found.values())


def _cell_row(run: Any) -> dict[str, Any]:
    tags = _tags(run)
    row = _arm_row(run) | {
        "arm": _short(tags[names.ARM]),
        "task": tags[names.tag(names.TASK)],
        "seed": int(tags[names.tag(names.SEED)]),
        "role": tags.get(names.TASK_ROLE, ""),
        "test_set": tags.get(names.TEST_SET, ""),
        "sick": json.loads(join_tag(tags, names.SICK) or "[]"),
        "control": tags.get(names.CONTROL) == "true",
        "pretrained_here": tags.get(names.PRETRAINED_HERE) == "true",
        "checkpoint": tags.get(names.CHECKPOINT, ""),
        "probed_key": tags.get(names.PROBED_KEY, ""),
        "split_key": tags.get(names.SPLIT_KEY, ""),
    }
    for role in names.ROLES:
        row[f"{role}_key"] = tags.get(names.key_tag(role), "")
        row[f"{role}_parameters"] = int(tags.get(names.size_tag(role), 0))
        row[f"{role}_compute"] = float(tags.get(names.compute_tag(role), 0.0))
    for split in names.EVALUATED:
        row[f"undefined/{split}"] = tags.get(f"{names.UNDEFINED}.{split}", "")
    return row | dict(run.data.metrics)


def _arm_row(run: Any) -> dict[str, Any]:
    tags = _tags(run)
    words = {word: tags[names.tag(word)] for word in (names.WEAK, names.STRONG, names.METHOD)}
    return {"id": _short(tags[names.ID]), **words, "params": json.loads(tags.get(names.METHOD_PARAMS, "{}"))}


def _stage_row(run: Any) -> dict[str, Any]:
    tags = _tags(run)
    num_test = int(tags.get(names.NUM_TEST, 0))
    text = join_tag(tags, names.CORRECT)
    return {
        "key": tags[names.KEY],
        "kind": tags[names.STAGE_KIND],
        "identity": tags.get(names.IDENTITY, ""),
        "reused": tags.get(names.REUSED) == "true",
        "test_set": tags.get(names.TEST_SET, ""),
        "correct": bits.from_text(text, num_test) if text else None,
        "confidence": json.loads(tags.get(names.CONFIDENCE, "null")),
        "curve": json.loads(join_tag(tags, names.CURVE) or "null"),
        "finished_s": run.info.start_time / 1000,
        "layout": json.loads(tags.get(names.LAYOUT, "{}")),
        "provenance": json.loads(tags.get(names.PROVENANCE, "{}")),
        "sick": json.loads(join_tag(tags, names.SICK) or "[]"),
        "facts": json.loads(join_tag(tags, names.FACTS) or "{}"),
        **run.data.params,
        **run.data.metrics,
    }


def _table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(rows)


def _tags(run: Any) -> dict[str, str]:
    tags: dict[str, str] = run.data.tags
    return tags


def _short(name: str) -> str:
    return name.rsplit("/", 1)[-1]
