"""Probes on frozen features: images and texts, supervisor, student and ceiling."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from w2s_ray.core.errors import DataError, EnvironmentFault
from w2s_ray.core.graph import features_stage, probe_stage, split_stage
from w2s_ray.core.specs import Layout, ModelSpec, Source, TaskSpec, TrainSpec
from w2s_ray.methods import Truth, build_method, method_spec
from w2s_ray.models.head import HeadPlan, Probe
from w2s_ray.stages import features, probe, split
from w2s_ray.stages.activations import Activations, read_activations, write_activations
from w2s_ray.stages.job import Job
from w2s_ray.stages.predictions import read_predictions
from w2s_ray.tasks import TASKS
from w2s_ray.tasks.examples import read_examples
from w2s_ray.training.engine import TorchEngine
from w2s_ray.training.loop import Lesson, train
from w2s_ray.training.predict import predict
from w2s_ray.training.vectors import Vectors
from w2s_ray.training.worker import Worker

RECIPE = TrainSpec(epochs=40, batch=32, lr=3e-2, clip=0.0, head="small", predict_batch=256)
LAYOUT = Layout(checkpoint_s=0)


def world(family, name):
    source = Source(kind="world", name=name, version=1)
    return ModelSpec(family=family, source=source, regime="probe", pretrained=family != "tiny", context=128)


def splitting(task):
    """A small split of an offline task."""
    spec = TaskSpec(name=task, version=1, source=TASKS[task].source, half=160, validation=60, test=120)
    return split_stage(spec, 0)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Probed:
    """A split, the features of two models, and three trained roles, in folders."""

    def __init__(self, root, task, weak, strong):
        self.root = root
        self.split_stage = splitting(task)
        self.folders = {"split": self.run("split", self.split_stage, split.run, {})}
        self.low, self.high = (self.make(name, model) for name, model in (("low", weak), ("high", strong)))
        self.weak_stage = self.stage(weak, self.low, half="weak")
        self.train("weak", self.weak_stage, "low")
        self.train("ceiling", self.stage(strong, self.high), "high")
        self.train("student", self.student_stage(strong), "high")

    def make(self, name, model):
        stage = features_stage(model=model, split=self.split_stage)
        self.folders[name] = self.run(name, stage, features.run, {"split": self.folders["split"]})
        return stage

    def stage(self, model, made, *, half="transfer", **student):
        return probe_stage(
            model=model, recipe=RECIPE, seed=0, half=half, split=self.split_stage, features=made, **student
        )

    def student_stage(self, model):
        return self.stage(model, self.high, method=method_spec("naive", {}), labels=self.weak_stage)

    def train(self, name, stage, made, layout=LAYOUT):
        inputs = {"split": self.folders["split"], "features": self.folders[made]}
        if "labels" in stage.inputs:
            inputs["labels"] = self.folders["weak"]
        self.folders[name] = self.run(name, stage, probe.run, inputs, layout)
        return read_predictions(self.folders[name])

    def run(self, name, stage, function, inputs, layout=LAYOUT):
        out = self.root / name
        out.mkdir()
        function(Job(stage=stage, inputs=inputs, out=out, layout=layout), Worker())
        return out

    def accuracy(self, name):
        return json.loads((self.folders[name] / "metrics.json").read_text())["accuracy/test"]


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    return Probed(
        tmp_path_factory.mktemp("digits"), "digits", world("pixels", "pixels-2"), world("pixels", "pixels-8")
    )


def test_a_probe_leaves_what_a_finetune_leaves(digits):
    for role in ("weak", "ceiling", "student"):
        files = {file.name for file in digits.folders[role].iterdir()}
        assert files == {"predictions.parquet", "curve.parquet", "metrics.json"}
    assert set(read_predictions(digits.folders["weak"]).splits) == {"transfer", "select", "tune", "test"}
    assert read_predictions(digits.folders["student"]).p_NC.shape == (180, 10)


def test_finer_pixels_tell_digits_apart_better(digits):
    assert digits.accuracy("weak") < digits.accuracy("student") < digits.accuracy("ceiling")
    assert digits.accuracy("ceiling") > 0.85


def test_features_are_those_of_the_image_in_the_order_of_ids(digits):
    found = read_activations(digits.folders["high"])
    assert found.ids == tuple(sorted(read_examples(digits.folders["split"]).ids))
    assert found.x_NTD.shape == (len(found.ids), 1, 64) and found.num_parameters == 0
    from sklearn.datasets import load_digits

    grey = {(np.round(image * (255 / 16)) / np.float32(255)).astype(np.float32).tobytes()
            for image in load_digits().images}  # fmt: skip
    assert all(row.tobytes() in grey for row in found.x_NTD[:, 0])


def test_micro_batches_change_no_prediction_beyond_rounding(digits):
    stage = digits.student_stage(world("pixels", "pixels-8"))
    cut = digits.train("cut", stage, "high", replace(LAYOUT, micro_tokens=20))
    again = digits.train("again", stage, "high")
    whole = read_predictions(digits.folders["student"])
    assert np.array_equal(again.p_NC, whole.p_NC)
    assert cut.ids == whole.ids and np.allclose(cut.p_NC, whole.p_NC, atol=1e-4)


def test_an_image_that_has_left_the_source_is_told(digits, tmp_path, monkeypatch):
    from w2s_ray.tasks import packaged

    rows = list(packaged.rows("scikit-learn/digits"))
    monkeypatch.setattr(packaged, "rows", lambda name: iter(rows[:-900]))
    job = Job(stage=digits.low, inputs={"split": digits.folders["split"]}, out=tmp_path)
    with pytest.raises(DataError, match="images are no longer in the rows of the task"):
        features.run(job, Worker())


@pytest.mark.parametrize("task", ["review", "pref"])
def test_texts_and_pairs_are_probed_too(tmp_path, task):
    found = Probed(tmp_path, task, world("tiny", "tiny-xs"), world("tiny", "tiny-s"))
    made = read_activations(found.folders["high"])
    assert made.x_NTD.shape[1:] == (2 if task == "pref" else 1, 16) and made.num_parameters > 0
    assert read_predictions(found.folders["student"]).p_NC.shape[1] == 2


def test_features_of_texts_are_what_a_head_would_see(tmp_path):
    """Recomputed one text at a time, without padding."""
    from w2s_ray.core.identity import derived_seed
    from w2s_ray.models.build import build
    from w2s_ray.tasks.world import VOCABULARY

    model, stage = world("tiny", "tiny-s"), splitting("review")
    made = features_stage(model=model, split=stage)
    for name, one, function in (("split", stage, split.run), ("x", made, features.run)):
        (tmp_path / name).mkdir()
        function(Job(stage=one, inputs={"split": tmp_path / "split"}, out=tmp_path / name), Worker())
    examples, found = read_examples(tmp_path / "split"), read_activations(tmp_path / "x")
    built = build(
        model,
        None,
        HeadPlan(num_classes=2, init="zero"),
        seed=derived_seed(0, "weights"),
        vocabulary=VOCABULARY,
    )
    for row in (0, 100, 300):
        ids = torch.tensor([built.tokenizer(examples.contexts[row][0] + examples.texts[row][0])["input_ids"]])
        with torch.no_grad():
            alone = built.classifier.pooled(ids, torch.ones_like(ids)).numpy()
        assert np.allclose(found.by_id([examples.ids[row]])[0], alone, atol=1e-5)


def test_the_same_features_give_the_same_bytes(tmp_path):
    made = Activations(ids=("b" * 16, "a" * 16), x_NTD=np.ones((2, 1, 3), np.float32), num_parameters=7)
    turned = replace(made, ids=made.ids[::-1])
    for name, activations in (("one", made), ("other", turned)):
        (tmp_path / name).mkdir()
        write_activations(tmp_path / name, activations)
    one, other = (tmp_path / name / "features.safetensors" for name in ("one", "other"))
    assert one.read_bytes() == other.read_bytes()
    assert read_activations(tmp_path / "one").ids == ("a" * 16, "b" * 16)
    with pytest.raises(DataError, match="lack 1 of 1 examples, 'cc'"):
        made.by_id(["cc"])


def learned(labels_NC, vectors, method=None, **recipe):
    """The class probabilities that a probe comes to on its own training rows."""
    spec = TrainSpec(batch=len(vectors), clip=0.0, schedule="constant", **recipe)
    engine = TorchEngine(Probe(vectors.width, HeadPlan(num_classes=2, init="zero"), seed=0), spec, Worker())
    lesson = Lesson(
        inputs=vectors,
        labels_NC=labels_NC,
        objective=build_method(method_spec(method, {})) if method else Truth(),
        prior=0.5,
        recipe=spec,
        seed=0,
        micro_tokens=10_000,
    )
    train(engine, lesson, evaluate=lambda: (None, None))
    return predict(engine, vectors, np.arange(len(vectors)), batch=100, num_classes=2)


def test_a_probe_of_indicators_comes_to_the_mean_label_of_each_cell():
    """The closed form of cross-entropy where every row is one of four cells."""
    draw = np.random.default_rng(0)
    cells = draw.integers(4, size=200)
    weak_N = draw.uniform(size=200).astype(np.float32)
    vectors = Vectors(x_NTD=np.eye(4, dtype=np.float32)[cells][:, None])
    p_NC = learned(np.stack([1 - weak_N, weak_N], 1), vectors, "naive", lr=0.05, epochs=400)
    for cell in range(4):
        assert np.allclose(p_NC[cells == cell, 1], weak_N[cells == cell].mean(), atol=1e-3)


def test_separable_data_are_separated():
    draw = np.random.default_rng(1)
    x_ND = draw.normal(size=(300, 5)).astype(np.float32)
    margin_N = x_ND @ np.array([1.0, -2.0, 0.5, 0.0, 1.0], np.float32) + 0.7
    x_ND, right_N = x_ND[np.abs(margin_N) > 0.2], (margin_N > 0)[np.abs(margin_N) > 0.2]
    labels_NC = np.eye(2, dtype=np.float32)[right_N.astype(int)]
    p_NC = learned(labels_NC, Vectors(x_NTD=x_ND[:, None]), lr=0.1, epochs=300)
    assert np.array_equal(p_NC.argmax(1), right_N)


def test_the_weights_of_a_probe_come_from_its_seed():
    plan = HeadPlan(num_classes=3, init="small")
    one, same, other = (Probe(4, plan, seed=seed).linear.weight for seed in (1, 1, 2))
    assert torch.equal(one, same) and not torch.equal(one, other)
    assert not Probe(4, HeadPlan(num_classes=3, init="zero"), seed=1).linear.weight.any()


def test_a_missing_library_is_told(monkeypatch):
    from w2s_ray.models import zoo
    from w2s_ray.models.vision import build_extractor

    source = Source(kind="package", name="torchvision/alexnet", config="IMAGENET1K_V1")
    model = ModelSpec(family="torchvision", source=source, regime="probe")

    def absent(name, *rest):
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr(zoo, "import_module", absent)
    with pytest.raises(EnvironmentFault, match=r"needs torchvision.*pip install 'w2s-ray\[vision\]'"):
        build_extractor(model, None, seed=0)
