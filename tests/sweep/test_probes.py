"""Probes in a sweep: what may not meet, which recipe they bring, what they share, and one whole sweep of images."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from w2s_ray.core.errors import BudgetError, ConfigError
from w2s_ray.execution.placement import Placement, place
from w2s_ray.report.build import build_report
from w2s_ray.sweep.config import load_sweep
from w2s_ray.sweep.run import run_sweep
from w2s_ray.sweep.work import Work

DIGITS = """
name: tiny-digits
seeds: [0]
tasks: {digits: {half: 120, validation: 60, test: 100}}
models: {p2: {source: pixels/2}, p8: {source: pixels/8}}
pairs: [{weak: p2, strong: p8}]
methods: [naive, {confidence: {alpha: 0.25}}]
train: {epochs: 40, batch: 32, lr: 3e-2}
resources: {launcher: here, max_concurrent: 1}
"""

TEXTS = """
name: texts
seeds: [0]
tasks: {review: {half: 64, validation: 40, test: 60}}
models:
  xs: {source: tiny/xs, regime: probe}
  s: {source: tiny/s, regime: probe}
  s-whole: {source: tiny/s}
pairs: all
methods: [naive]
"""


def write(folder: Path, text: str) -> Path:
    file = folder / "sweep.yaml"
    file.write_text(f"{text}\nstore: {folder / 'store'}\n")
    return file


@pytest.fixture
def message_of(tmp_path):
    def load(text: str, *overrides: str) -> str:
        with pytest.raises(ConfigError) as caught:
            load_sweep(write(tmp_path, text), overrides)
        return str(caught.value)

    return load


@pytest.mark.parametrize(
    ("text", "override", "message"),
    [
        (
            DIGITS,
            "models.p2={source: tiny/xs}",
            "models.p2: looks at texts, and here the examples are images",
        ),
        (
            DIGITS,
            "models.p2={source: gpt2, regime: probe}",
            "looks at texts, and here the examples are images",
        ),
        (
            DIGITS,
            "models.p2={source: some/model}",
            "images are probed: if this model looks at images, say `regime:",
        ),
        (
            DIGITS,
            "models.p2.regime=finetune",
            "a vision model stays frozen; `probe` learns from its features",
        ),
        (DIGITS, "models.p2.lora={}", "lora: a probe leaves the model as it is"),
        (DIGITS, "models.p2.regime=prob", "should be 'finetune', 'probe' or 'lp-ft'"),
        (DIGITS, "models.p2.source=pixels/99", "expected pixels/<number from 1 to 64>"),
        (
            TEXTS,
            "models.xs={source: pixels/2}",
            "looks at images, and here the examples are texts (task 'review')",
        ),
        (TEXTS, "models.xs.lora={}", "lora: a probe leaves the model as it is, and has no adapters"),
        (TEXTS, "tasks={chess_puzzles: {}}", "a probe gives classes, and here the answers are texts"),
    ],
)
def test_what_cannot_meet_is_told_before_anything_starts(message_of, text, override, message):
    assert message in message_of(text, override)


def test_an_unknown_model_that_is_probed_may_look_at_images(tmp_path):
    sweep = load_sweep(write(tmp_path, DIGITS), ["models.p2={source: some/model, regime: probe}"])
    assert sweep.models["p2"].spec.regime == "probe"


def test_a_probe_brings_the_papers_recipe_and_the_file_is_stronger(tmp_path):
    texts = load_sweep(write(tmp_path, TEXTS)).recipe("student", "s", "review")
    assert (texts.lr, texts.batch, texts.epochs, texts.weight_decay) == (1e-3, 128, 200, 0.0)
    assert (texts.selection, texts.precision, texts.head, texts.clip) == ("weak-val", "fp32", "small", 0.0)
    images = load_sweep(write(tmp_path, DIGITS.replace("train:", "# "))).recipe("student", "p8", "digits")
    assert (images.lr, images.batch, images.epochs, images.selection) == (1e-3, 128, 20, "last")
    given = load_sweep(write(tmp_path, DIGITS), ["train.models.p8={epochs: 3}"])
    assert given.recipe("student", "p8", "digits").epochs == 3
    assert given.recipe("weak", "p2", "digits").lr == 3e-2


def test_a_model_is_pretrained_once_whatever_is_trained_of_it(tmp_path):
    work = Work(load_sweep(write(tmp_path, TEXTS)))
    kinds = Counter(stage.kind for stage in work.stages())
    assert kinds["pretrain"] == 2 and kinds["features"] == 2
    assert len(work.orders(work.stages())) == sum(kinds.values())


def test_features_take_a_gpu_and_probes_none(tmp_path):
    found = Work(load_sweep(write(tmp_path, DIGITS), ["resources={gpus: 1}"]))
    gpus = {order.errand.stage.kind: order.resources.gpus for order in found.orders(found.stages())}
    assert gpus == {"split": 0.0, "features": 0.25, "probe": 0.0}
    features = next(stage for stage in found.stages() if stage.kind == "features")
    one_gpu = Placement(gpus=1.0)
    assert place(features, one_gpu, num_parameters=None)[0].gpus == 1.0
    with pytest.raises(BudgetError, match="features are made on one GPU of 80 GB"):
        place(features, one_gpu, num_parameters=40_000_000_000)
    layout = place(features, replace(one_gpu, gpus=0.0), num_parameters=40_000_000_000)[1]
    assert layout.device == "cpu"


@pytest.mark.slow
def test_a_sweep_of_images_computes_features_once_and_reports(tmp_path, monkeypatch, mlflow_template):
    from w2s_ray.stages import features

    made, real = [], features.run
    monkeypatch.setattr(
        features, "run", lambda job, worker: (made.append(job.stage.key), real(job, worker))[1]
    )
    sweep = load_sweep(write(tmp_path, DIGITS))
    (tmp_path / "out").mkdir()
    shutil.copy(mlflow_template, tmp_path / "out" / "mlflow.db")
    result = run_sweep(sweep, tmp_path / "out")
    aggregate = build_report(result.tracking_uri, sweep.name, tmp_path / "out", draws=200)
    assert aggregate["complete"] and len(made) == len(set(made)) == 2
    assert aggregate["stages"] == {"unique": 7, "reused": 0, "run": 7, "failed": 0}
    naive = aggregate["arms"][0]
    assert naive["method"] == "naive"
    accuracy = {role: naive["accuracy"][role] for role in ("weak", "ceiling")}
    assert accuracy["weak"] < 0.6 < 0.8 < accuracy["ceiling"]
