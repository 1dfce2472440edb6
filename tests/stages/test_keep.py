"""Weights of a finetune that a later stage reads."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from w2s_ray.core.graph import features_stage, finetune_stage, keeping_model, split_stage
from w2s_ray.core.specs import Layout, LoraSpec, ModelSpec, Source, TaskSpec, TrainSpec
from w2s_ray.stages import features, finetune, split
from w2s_ray.stages.activations import read_activations
from w2s_ray.stages.job import Job
from w2s_ray.stages.predictions import read_predictions
from w2s_ray.training.worker import Worker

REVIEW = Source(kind="world", name="review", version=1)
SPLIT = split_stage(TaskSpec(name="review", version=1, source=REVIEW, half=64, validation=40, test=60), 0)
MODEL = ModelSpec(
    family="tiny", source=Source(kind="world", name="tiny-xs", version=1), pretrained=False, context=128
)
RECIPE = TrainSpec(epochs=2, lr=1e-2, head="small")


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def run(stage, function, out, **inputs):
    out.mkdir()
    return function(Job(stage=stage, inputs=inputs, out=out, layout=Layout(checkpoint_s=0)), Worker())


def trained(root, model):
    """The finetune that keeps its weights, beside the same one that does not."""
    run(SPLIT, split.run, root / "split")
    plain = finetune_stage(model=model, recipe=RECIPE, seed=0, half="transfer", split=SPLIT)
    run(plain, finetune.run, root / "plain", split=root / "split")
    run(keeping_model(plain), finetune.run, root / "kept", split=root / "split")
    return keeping_model(plain)


@pytest.mark.parametrize("lora", [None, LoraSpec(rank=2)], ids=["whole", "adapters"])
def test_features_of_a_kept_student_are_what_its_own_head_saw(tmp_path, monkeypatch, lora):
    weights, real = {}, finetune.keep
    monkeypatch.setattr(finetune, "keep", lambda *given: (weights.update(given[3]), real(*given)))
    model = replace(MODEL, lora=lora)
    made = features_stage(
        model=replace(model, regime="probe", lora=None), split=SPLIT, base=trained(tmp_path, model)
    )
    run(made, features.run, tmp_path / "features", split=tmp_path / "split", base=tmp_path / "kept")
    predicted = read_predictions(tmp_path / "kept")
    x_ND = torch.from_numpy(read_activations(tmp_path / "features").by_id(predicted.ids)[:, 0])
    p_NC = (x_ND @ weights["head.weight"].T).softmax(-1)
    np.testing.assert_allclose(p_NC.numpy(), predicted.p_NC, atol=1e-5)


def test_keeping_its_weights_changes_no_number_of_a_finetune_but_its_key(tmp_path):
    kept = trained(tmp_path, MODEL)
    for name in ("predictions.parquet", "curve.parquet", "metrics.json"):
        assert (tmp_path / "kept" / name).read_bytes() == (tmp_path / "plain" / name).read_bytes()
    assert not (tmp_path / "plain" / "model").exists()
    assert kept.spec["keeps_model"] and kept.inputs == {"split": SPLIT}
    with pytest.raises(AssertionError, match="weights of its own"):
        keeping_model(SPLIT)
