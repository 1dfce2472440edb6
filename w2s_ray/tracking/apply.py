"""Bring one run document into MLflow, so that doing it twice changes nothing.

A run is found by our own tag before it is created. The digest tag goes last: a run without it was
interrupted, and is completed by the next attempt.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from w2s_ray.tracking import names
from w2s_ray.tracking.client import connect, find_experiment, search_all, split_tags
from w2s_ray.tracking.runs import Run

METRICS, PARAMS, TAGS, MAX_PARAM = 1000, 100, 100, 6000


class Session:
    """A connection to one experiment and what is known about it: our id → MLflow's run id and digest."""

    def __init__(self, uri: str, experiment: str) -> None:
        self.client = connect(uri)
        self.experiment_id = find_experiment(self.client, experiment, create_at=uri)
        self._runs: dict[str, str] = {}
        self._digests: dict[str, str] = {}
        for run in search_all(self.client, self.experiment_id):
            self._remember(run)

    def published(self) -> set[str]:
        """Ids of the documents that are completely there."""
        return set(self._digests)

    def apply(self, run: Run, *, sure: bool = True) -> None:
        """Write the document. `sure=False`: an earlier attempt may have been executed without our knowing."""
        if self._digests.get(run.id) == run.digest:
            return
        if run.id not in self._runs and not sure:
            self._look_up(run.id)
        known = run.id in self._runs
        run_id = self._runs[run.id] if known else self._create(run)
        self._write(run, run_id, known=known)
        self._digests[run.id] = run.digest

    def _create(self, run: Run) -> str:
        tags = {names.ID: run.id, names.KIND: run.kind, names.SCHEMA_TAG: names.SCHEMA} | self._parent(run)
        made = self.client.create_run(
            self.experiment_id, start_time=run.time_ms, tags=tags, run_name=run.name
        )
        self._runs[run.id] = made.info.run_id
        return str(made.info.run_id)

    def _write(self, run: Run, run_id: str, *, known: bool) -> None:
        from mlflow.entities import Metric, Param, RunTag

        there = self.client.get_run(run_id).data if known else None
        old_metrics, old_params = (there.metrics, there.params) if there else ({}, {})
        params = {name: value[:MAX_PARAM] for name, value in run.params.items()}
        moved = {name for name, value in params.items() if old_params.get(name, value) != value}
        tags = split_tags({**run.tags, **{f"w2s.param.{name}": params[name] for name in sorted(moved)}})
        tags |= self._parent(run)
        metrics = [
            Metric(name, value, run.time_ms, 0)
            for name, value in run.metrics.items()
            if old_metrics.get(name) != value
        ]
        if run.id not in self._digests:  # a curve goes once; after an interruption again, to the same times
            metrics += [Metric(point.name, point.value, run.time_ms, point.step) for point in run.curve]
        new_params = [Param(name, value) for name, value in params.items() if name not in old_params]
        self._log_artifacts(run, run_id)
        self.client.set_terminated(run_id, status=run.status, end_time=run.time_ms)
        tags[names.DIGEST] = run.digest
        self._log(run_id, metrics, new_params, [RunTag(name, value) for name, value in tags.items()])

    def _log(self, run_id: str, metrics: list[Any], params: list[Any], tags: list[Any]) -> None:
        """Batches within MLflow's limits. A batch's tags are written last, so the digest is the last word."""
        room = METRICS - PARAMS - TAGS
        while len(metrics) > room or len(params) > PARAMS or len(tags) > TAGS:
            some, metrics = metrics[:room], metrics[room:]
            others, params = params[:PARAMS], params[PARAMS:]
            keep = min(TAGS, len(tags) - 1)  # the digest waits for the last batch
            early, tags = tags[:keep], tags[keep:]
            self.client.log_batch(run_id, metrics=some, params=others, tags=early)
        self.client.log_batch(run_id, metrics=metrics, params=params, tags=tags)

    def _log_artifacts(self, run: Run, run_id: str) -> None:
        for path, raw in run.artifacts.items():
            log_bytes(self.client, run_id, path, raw)

    def _parent(self, run: Run) -> dict[str, str]:
        parent = self._runs.get(run.parent or "")
        return {names.PARENT: parent} if parent else {}

    def _look_up(self, name: str) -> None:
        quoted = name.replace("'", "''")
        for run in search_all(self.client, self.experiment_id, f"tags.`{names.ID}` = '{quoted}'"):
            self._remember(run)

    def _remember(self, run: Any) -> None:
        name = run.data.tags.get(names.ID)
        if name and name not in self._runs:  # oldest first: of twins, the first
            self._runs[name] = run.info.run_id
            if digest := run.data.tags.get(names.DIGEST):
                self._digests[name] = digest


def log_bytes(client: Any, run_id: str, path: str, raw: bytes) -> None:
    """Log an artifact at a relative POSIX path."""
    folder, _, name = path.rpartition("/")
    with tempfile.TemporaryDirectory() as temporary:
        file = Path(temporary) / name
        file.write_bytes(raw)
        client.log_artifact(run_id, str(file), folder or None)
