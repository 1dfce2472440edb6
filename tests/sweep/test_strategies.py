"""Strategies through whole sweeps: which stages they make, and what comes out."""

import json

import numpy as np
import pytest

from tests.sweep.small import write_sweep
from w2s_ray.core.errors import ConfigError
from w2s_ray.core.graph import closure
from w2s_ray.core.specs import MethodSpec
from w2s_ray.methods import METHODS, is_strategy, method_spec, parameters
from w2s_ray.methods.plan import NAIVE
from w2s_ray.stages.predictions import read_predictions
from w2s_ray.store import Store
from w2s_ray.sweep.config import load_sweep
from w2s_ray.sweep.run import run_sweep
from w2s_ray.sweep.work import Work
from w2s_ray.tasks import world

REVIEW = "tasks={review: {half: 64, validation: 40, test: 60}}"
MIDDLE = "models.middle={source: tiny/xs, pretrained: false, lr: 3e-3, config: {num_hidden_layers: 2}}"


def loaded(folder, *methods, more=()):
    return load_sweep(write_sweep(folder), [f"methods={json.dumps(methods)}", MIDDLE, REVIEW, *more])


def students(folder, *methods, more=()):
    return [planned.stages.student for planned in Work(loaded(folder, *methods, more=more)).cells]


def chain(student):
    """(model, half, who labels it) of each student, the first one first."""
    trained = [each for each in closure([student]) if each.kind == "finetune" and each.spec["method"]]
    return [(each.spec["model"].config.get("num_hidden_layers", each.spec["model"].source.name), each.spec["half"],
             each.inputs["labels"].kind) for each in trained]  # fmt: skip


def test_a_loss_method_is_one_training_on_the_supervisors_labels(tmp_path):
    (student,) = students(tmp_path, "naive")
    assert chain(student) == [("tiny-s", "transfer", "finetune")]


def test_bootstrapping_climbs_its_ladder_on_fresh_rows_and_ends_on_the_ceilings(tmp_path):
    (student,) = students(
        tmp_path, {"bootstrap": {"via": ["middle"], "then": {"confidence": {"alpha": 0.3}}}}
    )
    assert chain(student) == [(2, "fresh1", "finetune"), ("tiny-s", "transfer", "finetune")]
    step = student.inputs["labels"]
    assert step.spec["predicts"] == ("transfer",) and step.spec["method"].params["alpha"] == 0.3
    assert step.inputs["labels"].spec["predicts"] == ("fresh1",)


def test_rounds_share_their_first_training_with_the_plain_student(tmp_path):
    plain, twice = students(tmp_path, "naive", {"rounds": {"num": 1}})
    assert twice.inputs["labels"] == plain and plain.spec["predicts"] == ("transfer",)
    (alone,) = students(tmp_path, "naive")
    assert "predicts" not in alone.spec


def test_an_arm_beside_it_changes_nobody_elses_stages_but_the_shared_student(tmp_path):
    alone = Work(loaded(tmp_path, "naive", "confidence"))
    beside = Work(
        loaded(
            tmp_path, "naive", "confidence", {"bootstrap": {"via": ["middle"]}}, {"filter": {"share": 0.5}}
        )
    )
    keys = {stage.key for stage in beside.stages()}
    assert {stage.key for stage in alone.stages()} <= keys


def test_strategies_nest(tmp_path):
    (student,) = students(
        tmp_path, {"ensemble": {"others": ["middle"], "then": {"filter": {"share": 0.5, "then": "harden"}}}}
    )
    made = [each.spec["method"].name for each in closure([student]) if each.kind == "labels"]
    assert made == ["ensemble", "filter", "harden"]
    assert sum(each.kind == "finetune" and each.spec["method"] is None for each in closure([student])) == 2


def test_what_is_inside_a_strategy_is_a_grid_of_its_own(tmp_path):
    methods = {"filter": {"share": [0.5, 0.9], "then": ["naive", {"confidence": {"alpha": [0.2, 0.4]}}]}}
    sweep = loaded(tmp_path, methods)
    assert len(sweep.arms) == 2 * 3
    assert sweep.arms[1].method.label == "filter(share=0.5,then=confidence(alpha=0.2,warmup=0.2),threshold=0)"


class Suggests:
    """A trial that takes the last choice, or the upper end."""

    def __init__(self):
        self.asked = []

    def suggest_categorical(self, name, choices):
        self.asked.append(name)
        return choices[-1]

    def suggest_float(self, name, low, high, **_):
        self.asked.append(name)
        return high


def test_a_search_asks_for_inner_parameters_under_the_name_of_the_outer(tmp_path):
    methods = {"filter": {"then": {"confidence": {"alpha": {"low": 0.1, "high": 0.9}}}}}
    sweep, trial = loaded(tmp_path, methods, "naive", more=["search={trials: 2}"]), Suggests()
    found = sweep.pairs[0].space.methods[0].suggest(trial)
    assert trial.asked == ["filter.then.confidence.alpha"] and found.params["then"].params["alpha"] == 0.9


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ({"bootstrap": {"via": ["midle"]}}, "unknown model 'midle'; did you mean 'middle'"),
        ({"bootstrap": {"via": "middle"}}, "expected a list of models' names"),
        ({"filter": {"then": {"confidence": {"alpa": 0.5}}}}, "did you mean 'alpha'"),
        ({"filter": {"then": 3}}, "expected a method's name"),
        ({"filter": {"share": 1.5}}, "expected 0 … 1"),
        ("ensemble", "an ensemble of one"),
        ({"filter": {"then": "bootstrap"}}, "'bootstrap': names no model to go through"),
    ],
)
def test_what_is_wrong_inside_is_named_with_its_place(tmp_path, method, message):
    with pytest.raises(ConfigError, match=message) as caught:
        loaded(tmp_path, method)
    assert "methods.0" in str(caught.value)


def test_the_default_of_then_is_naive_as_it_stands():
    assert method_spec("naive", {}) == NAIVE
    for name in METHODS:
        if is_strategy(name) and "then" in parameters(name):
            assert method_spec(name, {}).params["then"] == NAIVE
            assert isinstance(method_spec(name, {"then": "confidence"}).params["then"], MethodSpec)


@pytest.mark.slow
def test_without_rows_to_spare_a_chain_learns_from_the_transfer_half_throughout(tmp_path):
    rows = [json.dumps(row) for row in world.rows("review", "train", 300)]
    file = tmp_path / "rows.jsonl"
    file.write_text("\n".join(rows))
    sizes = f"tasks={{review: {{path: {file}, half: 96, validation: 40, test: 60}}}}"
    sweep = loaded(tmp_path, {"bootstrap": {"via": ["middle"]}}, more=[sizes])
    assert run_sweep(sweep, out=tmp_path / "out").complete
    store, (planned,) = Store(sweep.store), Work(sweep).cells
    fresh, step = (
        next(each for each in closure([planned.stages.student]) if each.kind == kind)
        for kind in ("fresh", "finetune")
    )
    assert store.find(fresh.key).facts["parts"] == {}
    step = planned.stages.student.inputs["labels"]
    assert len(read_predictions(store.open(store.find(step.key))).where("transfer").ids) == 96


@pytest.mark.slow
def test_a_whole_sweep_of_strategies_runs(tmp_path):
    methods = [
        {"bootstrap": {"via": ["middle"]}},
        {"rounds": {"num": 1}},
        {"filter": {"share": 0.25}},
        {"ensemble": {"others": ["middle"], "repeats": 1, "weights": "boosted"}},
        {"simulated-errors": {"structure": "longest", "rate": 0.1}},
        {"simulated-errors": {"structure": "unsure"}},
        "harden",
    ]
    sweep = loaded(tmp_path, *methods)
    outcome = run_sweep(sweep, out=tmp_path / "out")
    assert outcome.complete
    store, work = Store(sweep.store), Work(sweep)
    by_method = {
        planned.cell.arm.method.label.split("(")[0]: planned.stages.student for planned in work.cells
    }

    def labels_of(name):
        return read_predictions(store.open(store.find(by_method[name].inputs["labels"].key)))

    assert len(labels_of("filter").where("transfer").ids) == pytest.approx(64 / 4, abs=1)
    assert len(labels_of("filter").where("select").ids) == 20
    assert set(np.unique(labels_of("harden").p_NC)) == {0, 1}
    step = labels_of("bootstrap")
    assert len(step.where("transfer").ids) == 64
    fresh = next(each for each in closure([by_method["bootstrap"]]) if each.kind == "fresh")
    assert store.find(fresh.key).facts["parts"] == {"fresh1": 64}
