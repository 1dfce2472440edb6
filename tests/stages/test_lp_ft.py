"""LP-FT: a probe first, then all of the model from the probe's head."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.stages.test_adapt import MODEL, READING, reading, run, splitting
from w2s_ray.core.graph import features_stage, finetune_stage, probe_stage
from w2s_ray.core.specs import TrainSpec
from w2s_ray.stages import adapt, features, finetune, probe, split
from w2s_ray.stages.predictions import read_predictions

STILL = TrainSpec(epochs=1, lr=1e-12, head="small")


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def both(root, task):
    """Folders of a probe and of the finetune that starts from its head and hardly moves, and its outcome."""
    of_split = splitting(task)
    run(of_split, split.run, root / "split")
    base = reading(task=task, recipe=replace(READING, epochs=1))
    run(base, adapt.run, root / "base", split=root / "split")
    inputs = {"split": root / "split", "base": root / "base"}
    made = features_stage(model=replace(MODEL, regime="probe"), split=of_split, base=base)
    run(made, features.run, root / "features", **inputs)
    common = {"seed": 0, "half": "transfer", "split": of_split}
    first = probe_stage(
        model=replace(MODEL, regime="probe"),
        recipe=TrainSpec(epochs=30, lr=3e-2, head="small"),
        features=made,
        keeps_head=True,
        **common,
    )
    run(first, probe.run, root / "probe", split=root / "split", features=root / "features")
    then = finetune_stage(model=replace(MODEL, regime="lp-ft"), recipe=STILL, base=base, head=first, **common)
    return run(then, finetune.run, root / "finetune", head=root / "probe", **inputs)


@pytest.mark.parametrize("task", ["review", "pref", "board"])
def test_before_its_first_step_it_answers_as_the_probe(tmp_path, task):
    outcome = both(tmp_path, task)
    one, other = (read_predictions(tmp_path / name) for name in ("probe", "finetune"))
    assert one.ids == other.ids and outcome.facts["head"] == "probe"
    np.testing.assert_allclose(one.p_NC, other.p_NC, atol=1e-4)
    assert np.ptp(one.p_NC[:, 1]) > 0.05  # it has learnt something to start from


def test_only_a_probe_that_is_asked_for_it_leaves_its_head(tmp_path):
    both(tmp_path, "review")
    assert {file.name for file in (tmp_path / "probe").iterdir()} == {
        "predictions.parquet",
        "curve.parquet",
        "metrics.json",
        "head.safetensors",
    }
