"""The writer and the queries, on a real sqlite MLflow."""

import logging

import pytest

from w2s_ray.core.errors import ConfigError, EnvironmentFault
from w2s_ray.tracking import Experiment, Point, Run, Tracker, names
from w2s_ray.tracking.apply import Session
from w2s_ray.tracking.client import connect, search_all


def write(uri, experiment, spool, *runs):
    tracker = Tracker(uri, experiment, spool)
    for run in runs:
        tracker.put(run)
    assert tracker.flush(60)
    return tracker


def runs_of(uri, experiment):
    client = connect(uri)
    return search_all(client, client.get_experiment_by_name(experiment).experiment_id)


def sweep(**more):
    return Run(id="sweep/s", kind="sweep", name="s", tags={names.SWEEP: "s"} | more.pop("tags", {}), **more)


def test_a_run_arrives_whole_under_its_parent(uri, tmp_path):
    child = Run(
        id="stage/x", kind="stage", name="x", parent="sweep/s", tags={"w2s.correct": "y" * 9000},
        params={"lr": "1e-05"}, metrics={"accuracy/test": 0.5}, artifacts={"truth/t.json": b"{}"},
        curve=tuple(Point(name="loss", step=n, value=1 / (n + 1)) for n in range(1500)),
    )  # fmt: skip
    assert write(uri, "whole", tmp_path / "spool.jsonl", sweep(), child).close() == 0
    parent, found = sorted(runs_of(uri, "whole"), key=lambda run: run.data.tags[names.KIND] != "sweep")
    assert found.data.tags[names.PARENT] == parent.info.run_id
    assert found.data.tags["w2s.correct.1"] == "y" * 1000
    assert (found.data.params, found.data.metrics["accuracy/test"]) == ({"lr": "1e-05"}, 0.5)
    assert len(connect(uri).get_metric_history(found.info.run_id, "loss")) == 1500
    assert connect(uri).list_artifacts(found.info.run_id)[0].path == "truth"
    assert found.info.status == "FINISHED"


def test_writing_a_document_twice_is_the_same_run(uri, tmp_path):
    document = Run(
        id="stage/x",
        kind="stage",
        name="x",
        metrics={"m": 1.0},
        curve=(Point(name="loss", step=1, value=2.0),),
    )
    write(uri, "twice", tmp_path / "a.jsonl", sweep(), document, document).close()
    again = write(uri, "twice", tmp_path / "b.jsonl", document)
    assert again.published() == {"sweep/s", "stage/x"}
    again.close()
    found = runs_of(uri, "twice")
    assert len(found) == 2
    run_id = next(run.info.run_id for run in found if run.data.tags[names.ID] == "stage/x")
    assert len(connect(uri).get_metric_history(run_id, "loss")) == 1


def test_an_interrupted_write_is_completed_and_its_curve_is_not_doubled(uri, tmp_path, monkeypatch):
    document = Run(id="stage/x", kind="stage", name="x", curve=(Point(name="loss", step=1, value=2.0),))
    session = Session(uri, "interrupted")
    log_batch = session.client.log_batch

    def killed_in_the_middle(run_id, metrics, params, tags):
        log_batch(run_id, metrics=metrics, params=params)
        raise OSError("killed here")

    monkeypatch.setattr(session.client, "log_batch", killed_in_the_middle)
    with pytest.raises(OSError, match="killed"):
        session.apply(document)
    assert Session(uri, "interrupted").published() == set()
    write(uri, "interrupted", tmp_path / "spool.jsonl", document).close()
    (found,) = runs_of(uri, "interrupted")
    assert len(connect(uri).get_metric_history(found.info.run_id, "loss")) == 1
    assert Session(uri, "interrupted").published() == {"stage/x"}


def test_a_document_that_changed_updates_its_run_and_a_changed_parameter_becomes_a_tag(uri, tmp_path):
    first = Run(
        id="sweep/s", kind="sweep", name="s", status="RUNNING", params={"n": "1"}, metrics={"seconds": 1.0}
    )
    last = Run(id="sweep/s", kind="sweep", name="s", params={"n": "2"}, metrics={"seconds": 9.0})
    write(uri, "changed", tmp_path / "spool.jsonl", first, last).close()
    (found,) = runs_of(uri, "changed")
    assert (found.info.status, found.data.metrics["seconds"]) == ("FINISHED", 9.0)
    assert (found.data.params["n"], found.data.tags["w2s.param.n"]) == ("1", "2")


def test_an_attempt_that_may_have_been_executed_is_looked_up_before_it_is_repeated(uri):
    one, other = Session(uri, "unsure"), Session(uri, "unsure")
    one.apply(sweep())
    other.apply(sweep(), sure=False)
    assert len(runs_of(uri, "unsure")) == 1


def test_what_mlflow_refuses_is_told_and_does_not_stop_the_rest(uri, tmp_path, caplog):
    bad = Run(id="stage/bad", kind="stage", name="bad", metrics={"a\x00*": 1.0})
    tracker = write(uri, "refused", tmp_path / "spool.jsonl", bad, sweep())
    assert tracker.refused == ["stage/bad"]
    assert tracker.published() >= {"sweep/s"}
    assert tracker.close() == 0
    assert "MLflow refuses stage/bad" in caplog.text


def test_the_sweep_goes_on_without_its_server_and_the_next_start_delivers(uri, tmp_path, caplog, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    spool = tmp_path / "spool.jsonl"
    dead = Tracker("http://ann:s3cret@127.0.0.1:9", "late", spool)
    with caplog.at_level(logging.WARNING):
        dead.put(sweep())
        assert not dead.flush(0.5)
        assert dead.published() == set()
        assert dead.close(0) == 1
    assert "documents wait" in caplog.text
    assert "s3cret" not in caplog.text
    later = Tracker(uri, "late", spool)
    assert later.flush(60)
    assert later.close() == 0
    assert [run.data.tags[names.ID] for run in runs_of(uri, "late")] == ["sweep/s"]
    assert not spool.exists()


def test_no_such_experiment_another_tools_and_an_older_schema_are_told_apart(uri):
    client = connect(uri)
    client.create_experiment("foreign")
    client.create_experiment("old", tags={names.SCHEMA_TAG: "0"})
    for name, words in {
        "nowhere": "known: ",
        "foreign": "not written by w2s_ray",
        "old": "schema 0",
        "warm": "no sweep",
    }.items():
        with pytest.raises(ConfigError, match=words):
            Experiment(uri, name)
    with pytest.raises(EnvironmentFault, match="does not answer"):
        Experiment("http://127.0.0.1:9", "x")
