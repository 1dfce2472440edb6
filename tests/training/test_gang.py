"""Two workers on this host, with torch and with every ZeRO stage of DeepSpeed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(check, folder):
    """Let two workers make a check of `gang.py` on themselves."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(Path(__file__).with_name("gang.py")), check, str(folder)],
        env=os.environ | {"PYTHONPATH": path, "DS_ACCELERATOR": "cpu"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.ray
def test_workers_with_unequal_numbers_of_micro_batches_agree_and_do_not_hang(tmp_path):
    run("unequal_micro_batches", tmp_path)


@pytest.mark.ray
def test_texts_are_learnt_and_written_alike_in_every_layout(tmp_path):
    run("texts_are_learnt_and_written", tmp_path)


@pytest.mark.ray
def test_a_batch_of_fewer_rows_than_workers_is_trained_on(tmp_path):
    run("fewer_rows_than_workers", tmp_path)


@pytest.mark.ray
def test_selected_weights_come_back_into_the_model_and_its_optimizer(tmp_path):
    run("weights_come_back", tmp_path)


@pytest.mark.ray
def test_every_zero_stage_clips_as_torch_does(tmp_path):
    run("clipping_is_torchs", tmp_path)


@pytest.mark.ray
def test_a_killed_gang_resumes_to_the_same_bits(tmp_path):
    run("resumed_is_uninterrupted", tmp_path)
