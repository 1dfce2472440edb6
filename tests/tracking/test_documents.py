"""Run documents, bitsets, spools and secrets: everything of tracking that needs no MLflow."""

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from w2s_ray.core.specs import Arm, MethodSpec
from w2s_ray.tracking import arm_run, bits, client
from w2s_ray.tracking.runs import Point, Run
from w2s_ray.tracking.spool import Spool


def run(name="stage/a", **more):
    return Run(id=name, kind="stage", name=name, **more)


def test_importing_tracking_and_report_does_not_import_mlflow_or_torch():
    heavy = "{'mlflow', 'torch', 'altair', 'pandas'}"
    code = f"import sys, w2s_ray.tracking, w2s_ray.report; print(sorted({heavy} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_a_document_survives_its_json():
    first = run(
        tags={"t": "ü\n"}, params={"p": "1"}, metrics={"m": 0.1}, parent="sweep/x",
        curve=(Point(name="loss", step=3, value=0.5),), artifacts={"a/b.bin": b"\x00\xff"},
    )  # fmt: skip
    assert "\n" not in first.to_json()
    assert Run.from_json(first.to_json()) == first


def test_the_digest_covers_what_is_seen_and_not_the_time():
    assert run(time_ms=1).digest == run(time_ms=2).digest
    assert run(metrics={"m": 1.0}).digest != run(metrics={"m": 2.0}).digest


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_is_none_is_refused(value):
    with pytest.raises(ValueError, match="leave an undefined number out"):
        run(metrics={"pgr/test": value})


@given(st.lists(st.booleans(), max_size=100))
def test_correctness_survives_its_text(values):
    right = np.array(values, dtype=bool)
    assert np.array_equal(bits.from_text(bits.to_text(right), len(right)), right)


def test_a_bitset_of_another_length_is_refused():
    with pytest.raises(ValueError, match="cannot hold"):
        bits.from_text(bits.to_text(np.ones(20, bool)), 8)


def test_48_000_rows_fit_one_tag():
    assert len(bits.to_text(np.ones(48_000, bool))) <= client.MAX_TAG


def test_a_long_tag_is_cut_and_joined():
    value = "x" * 20_001
    cut = client.split_tags({"w2s.cells": value, "short": "y"})
    assert sorted(cut) == ["short", "w2s.cells", "w2s.cells.1", "w2s.cells.2"]
    assert all(len(piece) <= client.MAX_TAG for piece in cut.values())
    assert client.join_tag(cut, "w2s.cells") == value


@pytest.mark.parametrize("uri", ["https://ann:s3cret@host/x?token=abc", "postgresql://ann:s3cret@db/mlflow"])
def test_no_password_reaches_a_message(uri):
    assert "s3cret" not in client.public(uri)
    assert "abc" not in client.public(uri)
    message = client.without_secrets(f"cannot reach {uri}: auth s3cret failed for //ann:s3cret@db", uri)
    assert "s3cret" not in message


def test_the_spool_gives_back_what_a_dead_process_left(tmp_path):
    path = tmp_path / "spool.jsonl"
    first = Spool(path)
    first.append(run("a"))
    first.append(run("b"))
    first._file.close()
    assert [each.id for each in Spool(path).pending()] == ["a", "b"]


def test_a_torn_line_is_left_out_and_told(tmp_path, caplog):
    path = tmp_path / "spool.jsonl"
    path.write_text(run("a").to_json() + "\n" + run("b").to_json()[:40])
    assert [each.id for each in Spool(path).pending()] == ["a"]
    assert "torn" in caplog.text


def test_two_processes_do_not_share_a_spool_and_the_next_one_finds_both(tmp_path):
    path = tmp_path / "spool.jsonl"
    one, two = Spool(path), Spool(path)
    one.append(run("a"))
    two.append(run("b"))
    assert one.path != two.path
    for each in (one, two):
        each.close()
    assert sorted(each.id for each in Spool(path).pending()) == ["a", "b"]


def test_an_emptied_spool_leaves_no_file(tmp_path):
    spool = Spool(tmp_path / "spool.jsonl")
    spool.append(run("a"))
    spool.clear()
    spool.close()
    assert list(tmp_path.iterdir()) == []


def test_a_method_within_a_method_travels_as_its_name_and_parameters():
    inner = MethodSpec(name="confidence", version=1, params={"alpha": 0.5})
    method = MethodSpec(name="bootstrap", version=1, params={"via": ("m", "l"), "then": inner})
    run = arm_run("sweep", Arm(weak="xs", strong="l", method=method))
    assert json.loads(run.tags["w2s.params"]) == {
        "via": ["m", "l"],
        "then": {"method": "confidence", "params": {"alpha": 0.5}},
    }
    assert run.params["method.then"] == "confidence(alpha=0.5)"
