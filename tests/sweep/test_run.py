"""A whole sweep in this process, on real stages: computed once, reused after, the same whatever disturbs it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.sweep.small import write_sweep
from w2s_ray.core.errors import ConfigError, EnvironmentFault
from w2s_ray.report.build import build_report
from w2s_ray.store import Store
from w2s_ray.sweep.config import load_sweep
from w2s_ray.sweep.run import run_sweep


def sweep_and_report(file: Path, out: Path, *overrides: str) -> dict[str, Any]:
    sweep = load_sweep(file, overrides)
    result = run_sweep(sweep, out)
    return build_report(result.tracking_uri, sweep.name, out, draws=200)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("sweep")
    file = write_sweep(folder)
    return folder, sweep_and_report(file, folder / "out")


def test_one_yaml_gives_an_aggregate_of_every_arm(finished: tuple[Path, dict[str, Any]]) -> None:
    _, aggregate = finished
    assert aggregate["complete"]
    assert aggregate["stages"] == {"unique": 10, "reused": 0, "run": 10, "failed": 0}
    assert [arm["method"] for arm in aggregate["arms"]] == ["naive", "confidence"]
    assert set(aggregate["arms"][0]["pgr"]) >= {"median", "ratio_of_means", "pooled", "interval", "level"}


def test_the_results_are_where_the_user_looks(finished: tuple[Path, dict[str, Any]]) -> None:
    folder, aggregate = finished
    assert json.loads((folder / "out" / "aggregate.json").read_text()) == aggregate
    for name in ("cells.csv", "report.html", "mlflow.db"):
        assert (folder / "out" / name).stat().st_size > 0
    assert not (folder / "out" / "spool.jsonl").exists() or not (folder / "out" / "spool.jsonl").read_text()


def test_the_same_command_again_runs_nothing_and_starts_no_backend(
    finished: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, aggregate = finished
    monkeypatch.setattr("w2s_ray.sweep.local.run_local", _never)
    again = sweep_and_report(folder / "small.yaml", folder / "out")
    assert again["stages"] == {"unique": 10, "reused": 10, "run": 0, "failed": 0}
    assert again["arms"] == aggregate["arms"]


def test_what_is_missing_is_computed_and_nothing_else(
    finished: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    folder, aggregate = finished
    store = Store(folder / "store")
    students = [key for key in store.keys() if "-naive-" in key]
    for key in students:
        store.set_aside(key, "a test removed it")
    again = sweep_and_report(folder / "small.yaml", tmp_path / "out")
    assert again["stages"] == {"unique": 10, "reused": 8, "run": 2, "failed": 0}
    assert again["arms"] == aggregate["arms"]


def test_a_damaged_artifact_is_detected_set_aside_and_computed_again(
    finished: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    folder, aggregate = finished
    store = Store(folder / "store")
    record = store.find(next(key for key in store.keys() if "-naive-" in key))
    assert record is not None
    predictions = store.open(record) / "predictions.parquet"
    data = bytearray(predictions.read_bytes())
    data[len(data) // 2] ^= 1
    predictions.write_bytes(data)
    again = sweep_and_report(folder / "small.yaml", tmp_path / "out")
    assert again["stages"] == {"unique": 10, "reused": 9, "run": 1, "failed": 0}
    assert again["arms"] == aggregate["arms"]


def test_a_failed_training_is_listed_and_the_other_arms_are_reported(tmp_path: Path) -> None:
    file = write_sweep(tmp_path)
    sweep = load_sweep(file, ["train.models.s.lr=1e30", "train.models.s.clip=0"])
    result = run_sweep(sweep, tmp_path / "out")
    assert result.failures and not result.complete
    assert any("the loss became" in cause for cause in result.failures.values())
    aggregate = build_report(result.tracking_uri, sweep.name, tmp_path / "out", draws=200)
    assert not aggregate["complete"]
    assert aggregate["stages"]["failed"] > 0


def test_a_search_replays_from_the_store(tmp_path: Path) -> None:
    more = "search: {trials: 3, batch: 3}"
    file = write_sweep(tmp_path, alpha="{low: 0.1, high: 0.9}", more=more)
    first = sweep_and_report(file, tmp_path / "out")
    again = sweep_and_report(file, tmp_path / "out")
    assert again["stages"]["run"] == 0
    assert again["arms"] == first["arms"]


def test_a_store_that_other_processes_cannot_see_is_refused_before_anything_starts(tmp_path: Path) -> None:
    sweep = load_sweep(write_sweep(tmp_path, launcher="actor"), ["store=memory://private"])
    with pytest.raises(ConfigError, match=r"memory://private.*do not share"):
        run_sweep(sweep, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_tracking_server_that_is_down_costs_no_result_and_the_next_run_publishes(
    finished: tuple[Path, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, aggregate = finished
    out = tmp_path / "out"
    monkeypatch.setattr("w2s_ray.sweep.run.FLUSH_S", 0.2)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(EnvironmentFault, match=r"documents wait in .*spool\.jsonl.*same command again"):
        run_sweep(load_sweep(folder / "small.yaml", ["tracking.uri=http://127.0.0.1:9"]), out)
    assert (out / "spool.jsonl").read_text()
    again = sweep_and_report(folder / "small.yaml", out)
    assert again["arms"] == aggregate["arms"]
    assert not (out / "spool.jsonl").exists() or not (out / "spool.jsonl").read_text()


def _never(session: object) -> None:
    raise AssertionError("nothing is missing, so nothing should start")
