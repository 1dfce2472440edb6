"""Strategies through whole sweeps: which stages they make, and what comes out."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.sweep.small import write_sweep
from w2s_ray.core.graph import closure
from w2s_ray.stages.predictions import read_predictions
from w2s_ray.store import Store
from w2s_ray.sweep.config import load_sweep
from w2s_ray.sweep.work import Work


def planned(tmp_path, methods, **overrides):
    file = write_sweep(tmp_path)
    sets = [f"methods={json.dumps(methods)}", *(f"{key}={value}" for key, value in overrides.items())]
    return Work(load_sweep(file, sets))


def students(work):
    return [planned.stages.student for planned in work.cells if planned.cell.task == "review"]


def trainings(stage):
    return [each for each in closure([stage]) if each.kind == "finetune"]


def test_a_loss_method_is_one_training_on_the_supervisors_labels(tmp_path):
    (student,) = students(planned(tmp_path, ["naive"]))
    assert [each.spec["half"] for each in trainings(student)] == ["weak", "transfer"]
