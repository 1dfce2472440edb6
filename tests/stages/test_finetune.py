"""Supervisor, student and ceiling on the offline world, from random weights, in seconds."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

from w2s_ray.core.errors import DataError
from w2s_ray.core.graph import finetune_stage, split_stage
from w2s_ray.core.specs import Layout, ModelSpec, Source, TaskSpec, TrainSpec
from w2s_ray.methods import method_spec
from w2s_ray.stages import finetune, split
from w2s_ray.stages.job import Job
from w2s_ray.stages.material import Material
from w2s_ray.stages.predictions import Predictions, read_predictions, write_predictions
from w2s_ray.stages.results import with_losses
from w2s_ray.training import loop
from w2s_ray.training.progress import CurvePoint
from w2s_ray.training.worker import Worker

RECIPE = TrainSpec(epochs=1, batch=32, lr=3e-3, head="small", evals=2)
HALF, TEST = 96, 60


def model(size):
    source = Source(kind="world", name=f"tiny-{size}", version=1)
    return ModelSpec(family="tiny", source=source, pretrained=False, context=128)


def splitting(task):
    source = Source(kind="world", name=task, version=1)
    return split_stage(TaskSpec(name=task, version=1, source=source, half=HALF, validation=60, test=TEST), 0)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Folders of the split and of each trained role, by name, with their outcomes."""
    return World(tmp_path_factory.mktemp("world"), "review")


class World:
    def __init__(self, root, task):
        self.root = root
        self.folders, self.outcomes = {}, {}
        self.split_stage = splitting(task)
        self.run("split", self.split_stage, split.run, {})
        self.supervisor_stage = finetune_stage(
            model=model("xs"), recipe=RECIPE, seed=0, half="weak", split=self.split_stage
        )
        self.train("weak", self.supervisor_stage)
        self.train("ceiling", self.ceiling_stage())
        self.train("student", self.student_stage())

    def ceiling_stage(self, recipe=RECIPE):
        return finetune_stage(
            model=model("s"), recipe=recipe, seed=0, half="transfer", split=self.split_stage
        )

    def student_stage(self, method="confidence", recipe=RECIPE):
        return finetune_stage(
            model=model("s"),
            recipe=recipe,
            seed=0,
            half="transfer",
            split=self.split_stage,
            method=method_spec(method, {}),
            labels=self.supervisor_stage,
        )

    def train(self, name, stage, **inputs):
        folders = {"split": self.folders["split"]}
        folders |= {"labels": self.folders["weak"]} if "labels" in stage.inputs else {}
        return self.run(name, stage, finetune.run, folders | inputs)

    def run(self, name, stage, function, inputs):
        out = self.root / name
        out.mkdir()
        job = Job(stage=stage, inputs=inputs, out=out, layout=Layout(checkpoint_s=0))
        self.folders[name], self.outcomes[name] = out, function(job, Worker())
        return out

    def predictions(self, name):
        return read_predictions(self.folders[name])

    def material(self, stage, **inputs):
        folders = {"split": self.folders["split"], "labels": self.folders["weak"]} | inputs
        return Material(Job(stage=stage, inputs=folders, out=self.root))


def test_each_role_predicts_what_it_owes(world):
    assert set(world.predictions("weak").splits) == {"transfer", "select", "tune", "test"}
    for role in ("student", "ceiling"):
        assert set(world.predictions(role).splits) == {"select", "tune", "test"}
    transfer = world.predictions("weak").where("transfer")
    assert len(transfer.ids) == HALF  # whole, though 96 rows are three batches of 32
    np.testing.assert_allclose(transfer.p_NC.sum(1), 1, atol=1e-6)


def test_all_roles_answer_the_same_test_rows_in_the_same_order(world):
    tests = [world.predictions(role).where("test").ids for role in ("weak", "student", "ceiling")]
    assert tests[0] == tests[1] == tests[2] == tuple(sorted(tests[0])) and len(tests[0]) == TEST


def test_the_metrics_are_those_of_the_predictions(world):
    for role, outcome in world.outcomes.items():
        if role == "split":
            continue
        metrics = json.loads((world.folders[role] / "metrics.json").read_text())
        assert metrics == dict(outcome.metrics)
        test = world.predictions(role).where("test")
        truth = pd.read_parquet(world.folders["split"] / "examples.parquet").set_index("id")["label"]
        right = test.p_NC.argmax(1) == truth[list(test.ids)].to_numpy()
        assert metrics["accuracy/test"] == pytest.approx(right.mean())
        assert metrics["steps"] == metrics["selected_step"] == 3


def test_the_curve_ends_with_the_final_predictions_and_the_oracle_is_recorded(world):
    curve = pd.read_parquet(world.folders["student"] / "curve.parquet")
    metrics = world.outcomes["student"].metrics
    assert curve["step"].tolist() == [1, 2, 3]
    assert curve["test_accuracy"].isna().tolist() == [True, False, False]
    assert curve["test_accuracy"].iloc[-1] == metrics["accuracy/test"]
    assert curve["select_accuracy"].iloc[-1] == metrics["select_accuracy"]
    assert metrics["oracle_accuracy"] == curve["test_accuracy"].max()
    assert metrics["oracle_step"] == curve["step"][curve["test_accuracy"].idxmax()]
    assert metrics["loss/last"] == curve["loss"].iloc[-1]


def test_a_student_is_selected_on_weak_labels_and_a_ceiling_on_truth(world):
    student, ceiling = world.material(world.student_stage()), None
    weak = world.predictions("weak").where("select")
    assert np.array_equal(student.labels("select"), weak.p_NC)
    ceiling = Material(
        Job(stage=world.ceiling_stage(), inputs={"split": world.folders["split"]}, out=world.root)
    )
    assert np.array_equal(ceiling.labels("select").argmax(1), ceiling.truth("select"))


def test_ceiling_and_student_see_the_same_rows_in_the_same_order(world, monkeypatch, tmp_path):
    """Once they were trained on different halves."""
    lessons = []
    monkeypatch.setattr(loop, "train", lambda engine, lesson, **_: (lessons.append(lesson), 1 / 0))
    for name, stage in (("a", world.ceiling_stage()), ("b", world.student_stage())):
        with pytest.raises(ZeroDivisionError):
            world.train(f"{tmp_path.name}-{name}", stage)
    ceiling, student = lessons
    assert ceiling.inputs.texts == student.inputs.texts and len(ceiling.inputs) == HALF
    assert (ceiling.seed, ceiling.recipe) == (student.seed, student.recipe)
    assert set(np.unique(ceiling.labels_NC)) == {0.0, 1.0} and len(np.unique(student.labels_NC)) > 2


def test_weak_labels_are_joined_by_id_whatever_the_order_of_their_file(world, tmp_path):
    weak = world.predictions("weak")
    order = np.random.default_rng(0).permutation(len(weak.ids))
    table = pd.read_parquet(world.folders["weak"] / "predictions.parquet").iloc[order]
    shuffled = tmp_path / "shuffled"
    shuffled.mkdir()
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pq.read_schema(world.folders["weak"] / "predictions.parquet")
    pq.write_table(
        pa.Table.from_pandas(table, schema=schema, preserve_index=False), shuffled / "predictions.parquet"
    )
    world.train("shuffled", world.student_stage(), labels=shuffled)
    assert np.array_equal(world.predictions("shuffled").p_NC, world.predictions("student").p_NC)


def test_a_missing_weak_label_is_named(world, tmp_path):
    weak = world.predictions("weak")
    lost = weak.splits.index("transfer")
    kept = [row for row in range(len(weak.ids)) if row != lost]
    write_predictions(
        tmp_path,
        Predictions(
            ids=tuple(weak.ids[row] for row in kept),
            splits=tuple(weak.splits[row] for row in kept),
            p_NC=weak.p_NC[kept],
        ),
    )
    with pytest.raises(DataError, match=f"no prediction for 1 of {HALF} examples, {weak.ids[lost]!r}"):
        world.material(world.student_stage(), labels=tmp_path).labels("transfer")


def test_each_input_file_is_read_once(world, monkeypatch):
    from w2s_ray.stages import material as module

    reads = []
    monkeypatch.setattr(
        module, "read_predictions", lambda path: (reads.append(path), read_predictions(path))[1]
    )
    material = world.material(world.student_stage())
    for split_name in ("transfer", "select", "transfer", "select"):
        material.labels(split_name)
    assert material.prior == 0.5 and len(reads) == 1


def test_the_prior_of_unbalanced_data_is_the_mean_weak_label(world):
    material = world.material(world.student_stage())
    material.facts["prior"] = 0.7
    assert material.prior == pytest.approx(material.labels("transfer")[:, 1].mean())


def test_the_same_stage_twice_is_equal_bit_for_bit(world):
    world.train("again", world.student_stage())
    assert np.array_equal(world.predictions("again").p_NC, world.predictions("student").p_NC)


def test_weak_val_predicts_with_the_selected_weights(world):
    recipe = TrainSpec(epochs=4, batch=32, lr=3e-2, head="small", evals=6, selection="weak-val")
    world.train("selected", world.student_stage("naive", recipe))
    metrics = world.outcomes["selected"].metrics
    curve = pd.read_parquet(world.folders["selected"] / "curve.parquet").set_index("step")
    chosen = curve.loc[int(metrics["selected_step"])]
    assert chosen["select_accuracy"] == curve["select_accuracy"].max() == metrics["select_accuracy"]
    assert chosen["test_accuracy"] == metrics["accuracy/test"]


@pytest.mark.parametrize(("task", "num_classes"), [("pref", 2), ("board", 9)])
def test_pairs_and_more_classes_train_alike(tmp_path, task, num_classes):
    world = World(tmp_path, task)
    assert world.predictions("student").p_NC.shape[1] == num_classes
    assert ("auroc/test" in world.outcomes["student"].metrics) == (num_classes == 2)


def test_a_loss_of_the_curve_is_the_mean_since_the_point_before():
    losses = [float(step) for step in range(1, 101)]
    measured = [CurvePoint(step=52, loss=0.0, test_accuracy=0.7), CurvePoint(step=100, loss=0.0)]
    curve = with_losses(measured, losses)
    assert [point.step for point in curve] == sorted({*range(5, 101, 5), 52})
    assert curve[0].loss == 3.0
    at = {point.step: point for point in curve}
    assert at[52].loss == 51.5 and at[52].test_accuracy == 0.7
    assert at[55].loss == 54.0
