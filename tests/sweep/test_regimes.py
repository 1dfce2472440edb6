"""Regimes in a sweep: which stages adapting, LP-FT and prompts make, what they share, what is refused."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest

from tests.sweep.small import write_sweep
from w2s_ray.core.errors import BudgetError, ConfigError
from w2s_ray.core.graph import closure, pretraining_of
from w2s_ray.execution.placement import Placement, place
from w2s_ray.stages.predictions import read_predictions
from w2s_ray.store import Store
from w2s_ray.sweep.config import load_sweep
from w2s_ray.sweep.costs import stage_flops
from w2s_ray.sweep.run import run_sweep
from w2s_ray.sweep.work import Work

REVIEW = "tasks={review: {half: 64, validation: 40, test: 60}}"


def loaded(folder, *methods, more=()):
    return load_sweep(write_sweep(folder), [f"methods={json.dumps(methods)}", REVIEW, *more])


def only_cell(folder, *methods, more=()):
    (planned,) = Work(loaded(folder, *methods, more=more)).cells
    return planned.stages


def kinds(stage):
    return Counter(each.kind for each in closure([stage]))


@pytest.fixture
def message_of(tmp_path):
    def load(*methods, more=()):
        with pytest.raises(ConfigError) as caught:
            loaded(tmp_path, *methods, more=more)
        return str(caught.value)

    return load


def test_student_and_ceiling_start_from_one_model_that_has_read_their_half(tmp_path):
    stages = only_cell(tmp_path, "naive", more=["models.s.adapt=true", "models.xs.adapt={epochs: 3}"])
    read = stages.student.inputs["base"]
    assert read == stages.ceiling.inputs["base"] and read.spec["half"] == "transfer"
    assert read.kind == "adapt" and (read.spec["recipe"].epochs, read.spec["recipe"].lr) == (1, 3e-3)
    low = stages.weak.inputs["base"]
    assert (low.spec["half"], low.spec["recipe"].epochs, low.spec["recipe"].batch) == ("weak", 3, 32)
    plain = only_cell(tmp_path, "naive")
    assert "base" not in plain.student.inputs
    assert only_cell(tmp_path, "naive", more=["models.s.adapt=false"]).student == plain.student


def test_what_is_pretrained_is_adapted_from_there(tmp_path):
    more = ["models.s={source: tiny/s, lr: 3e-3, adapt: {lr: 1e-4}}"]
    adapted, plain = (
        only_cell(tmp_path, "naive", more=given).student for given in (more, [more[0].split(", a")[0] + "}"])
    )
    base = adapted.inputs["base"]
    assert base.inputs["base"] == plain.inputs["base"] == pretraining_of(adapted) == pretraining_of(plain)
    assert base.spec["recipe"].lr == 1e-4


def test_steps_of_a_bootstrap_read_the_rows_that_they_learn_from(tmp_path):
    middle = "models.middle={source: tiny/s, pretrained: false, lr: 3e-3, adapt: true}"
    student = only_cell(tmp_path, {"bootstrap": {"via": ["middle"]}}, more=[middle]).student
    step = student.inputs["labels"].inputs["base"]
    assert step.spec["half"] == "fresh1" and step.inputs["fresh"] == student.inputs["labels"].inputs["fresh"]


def test_lp_ft_probes_by_the_recipe_of_probes_and_finetunes_by_its_own(tmp_path):
    more = ["models.s={source: tiny/s, lr: 3e-3, regime: lp-ft, lora: {}}", "train.probe={epochs: 7}"]
    more += ["train.models.s={epochs: 2}"]
    stages = only_cell(tmp_path, {"confidence": {"alpha": 0.5}}, more=more)
    student, head = stages.student, stages.student.inputs["head"]
    assert (student.spec["recipe"].epochs, student.spec["recipe"].lr) == (2, 3e-3)
    assert (head.spec["recipe"].epochs, head.spec["recipe"].lr, head.spec["recipe"].selection) == (
        7, 1e-3, "weak-val",
    )  # fmt: skip
    assert head.spec["method"] == student.spec["method"] and head.inputs["labels"] == stages.weak
    assert stages.ceiling.inputs["head"].inputs["features"] == head.inputs["features"]
    assert kinds(student) == {"split": 1, "pretrain": 1, "features": 1, "probe": 1, "finetune": 2}


def test_lp_ft_shares_its_features_with_probes_of_the_model(tmp_path):
    more = ["models.s={source: tiny/s, regime: lp-ft}", "models.p={source: tiny/s, regime: probe}"]
    work = Work(loaded(tmp_path, "naive", more=[*more, "pairs=[{weak: xs, strong: [s, p]}]"]))
    assert Counter(stage.kind for stage in work.stages())["features"] == 1
    assert len(work.orders(work.stages())) == len(work.stages())


def test_the_recipe_of_probes_is_for_models_that_are_probed_alone_too(tmp_path):
    sweep = loaded(
        tmp_path, "naive", more=["models.s={source: tiny/s, regime: probe}", "train.probe={lr: 0.5}"]
    )
    assert (
        sweep.recipe("student", "s", "review").lr == 0.5 and sweep.recipe("weak", "xs", "review").lr == 3e-3
    )


def test_a_prompt_trains_nothing_and_few_shots_wait_for_the_supervisor_only_if_it_labels_them(tmp_path):
    zero = only_cell(tmp_path, "zero-shot").student
    assert kinds(zero) == {"split": 1, "prompt": 1}
    weak, gold = (only_cell(tmp_path, {"few-shot": {"labels": given}}).student for given in ("weak", "gold"))
    assert kinds(weak) == {"split": 1, "finetune": 1, "prompt": 1} and kinds(gold) == kinds(zero)
    assert weak.spec["shots"] == 5 and weak.spec["prompt"].words[1] == ("recommended", "loved")


def test_every_regime_of_a_model_is_asked_alike_and_an_adapted_one_for_itself(tmp_path):
    def asked(model):
        return only_cell(tmp_path, "zero-shot", more=[f"models.s={{source: tiny/s, {model}}}"]).student

    plain = asked("lr: 1e-3")
    assert asked("regime: probe") == asked("regime: lp-ft") == asked("lora: {rank: 2}") == plain
    assert asked("adapt: true").inputs["base"].kind == "adapt" and asked("adapt: true") != plain


def test_a_prompt_costs_forward_passes_and_its_shots_lengthen_them(tmp_path):
    none, five = (
        only_cell(tmp_path, {"few-shot": {"k": 2, "labels": "gold"}}).student
        if shots
        else only_cell(tmp_path, "zero-shot").student
        for shots in (0, 2)
    )
    assert stage_flops(none, 1000) == 2 * 1000 * 24 * (40 + 60)
    assert stage_flops(five, 1000) == 3 * stage_flops(none, 1000)


def test_adapting_is_placed_as_a_training_and_asking_on_one_gpu(tmp_path):
    adapted = only_cell(tmp_path, "zero-shot", more=["models.s.adapt=true"]).student
    resources, layout = place(adapted.inputs["base"], Placement(gpus=1.0), num_parameters=40_000_000_000)
    assert resources.workers > 1 and layout.zero_stage is not None
    assert place(adapted, Placement(gpus=1.0), num_parameters=1_000_000)[0].gpus == 0.25
    with pytest.raises(BudgetError, match="prompts are answered on one GPU"):
        place(adapted, Placement(gpus=1.0), num_parameters=40_000_000_000)


@pytest.mark.parametrize(
    ("methods", "more", "message"),
    [
        (["naive"], ["models.s.regime=lp-ft"], "models.s: regime: lp-ft: random weights have nothing to probe"),
        (["naive"], ["models.s.adapt={epoch: 1}"], "models.s.adapt.epoch: unknown key 'epoch'; did you mean 'epochs'?"),
        (["naive"], ["models.s.adapt=1"], "models.s.adapt: expected a mapping; found 1"),
        (["naive"], ["models.s={source: dinov2-small, regime: lp-ft}"], "a vision model stays frozen"),
        (["naive"], ["tasks={chess_puzzles: {}}", "models.s={source: tiny/s, regime: lp-ft}"], "a probe gives classes"),
        (["zero-shot"], ["tasks={pref: {}}"], "'zero-shot' fits tasks of kind binary, kclass; this one is pairwise"),
        (["zero-shot"], ["tasks={digits: {}}", "models={xs: {source: pixels/2}, s: {source: pixels/8}}"],
         "method 'zero-shot' asks a language model, and here the examples are images"),
        (["naive"], ["tasks={digits: {}}", "models={xs: {source: pixels/2, adapt: true}, s: {source: pixels/8}}"],
         "adapt: a language model reads texts, and here the examples are images"),
        ([{"few-shot": {"k": [3, 80]}}], [], "models.s: 80 examples in a prompt exceed its context of 128 tokens"),
        ([{"rounds": {"then": {"few-shot": {"k": 70}}}}], [], "70 examples in a prompt exceed"),
        ([{"few-shot": {"k": 0}}], [], "k = 0: expected 1 … 100"),
        ([{"few-shot": {"labels": "true"}}], [], "expected one of weak, gold"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_told_before_anything_starts(message_of, methods, more, message):
    assert message in message_of(*methods, more=more)


@pytest.mark.slow
def test_a_whole_sweep_of_regimes_runs(tmp_path):
    models = [
        "models.xs={source: tiny/xs, pretrained: false, lr: 3e-3, adapt: true}",
        "models.s={source: tiny/s, pretrained: false, lr: 3e-3, adapt: true, regime: lp-ft}",
    ]
    methods = ["naive", "zero-shot", {"few-shot": {"k": 2}}, {"rounds": {"then": "zero-shot"}}]
    sweep = loaded(tmp_path, *methods, more=[*models, "train.probe={epochs: 4, evals: 2}"])
    assert run_sweep(sweep, out=tmp_path / "out").complete
    store = Store(sweep.store)
    found = [
        read_predictions(store.open(store.find(planned.stages.student.key))) for planned in Work(sweep).cells
    ]
    assert len({each.where("test").ids for each in found}) == 1
    assert not np.allclose(found[1].where("test").p_NC, found[2].where("test").p_NC)
    once, twice = (found[place].where("test").p_NC for place in (1, 3))
    assert np.array_equal(once, twice)
