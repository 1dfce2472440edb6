"""Stages: golden keys, labels that are safe and bear no identity of their own, and work that cells share."""

from __future__ import annotations

import pickle
from dataclasses import fields, replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.core.stages import CONFIDENCE, GPT2, NAIVE, RECIPE, REVIEW, TINY, cell, probed, with_lora
from w2s_ray.core.graph import (
    VERSIONS,
    Stage,
    adapt_stage,
    closure,
    finetune_stage,
    fresh_stage,
    keeping_model,
    labels_stage,
    pretrain_stage,
    probe_stage,
    prompt_stage,
    split_stage,
)
from w2s_ray.core.specs import (
    AdaptSpec,
    Layout,
    LoraSpec,
    MethodSpec,
    PromptSpec,
    Resources,
    Source,
    TrainSpec,
)

ADAPTED = replace(TINY, adapt=AdaptSpec(lr=1e-3))
ASKED = PromptSpec(words=(("bad",), ("good", "fine")))
HALVED = MethodSpec(name="filter", version=1, params={"share": 0.5})
PATIENT = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}  # machines are shared

# Every result ever computed is found by its key. A key that changes here orphans all results of its kind in
# every store: that is right only where the meaning of the stage changed, and then its version is bumped too.
GOLDEN = {
    "split": "split/review-s0-6b420127afbb",
    "pretrain": "pretrain/tiny-xs-s0-397b21346174",
    "weak": "finetune/review-tiny-xs-truth-weak-s0-b5e3cefda7d1",
    "ceiling": "finetune/review-gpt2-truth-transfer-s0-e685b3f66986",
    "naive": "finetune/review-gpt2-naive-transfer-s0-64086d2ee579",
    "kept": "finetune/review-gpt2-naive-transfer-s0-737368eedc5c",
    "confidence": "finetune/review-gpt2-confidence-transfer-s0-563821e53e2c",
    "lora": "finetune/review-gpt2-layers2-truth-transfer-s3-261e2b1c10ec",
    "features": "features/review-gpt2-s0-2f3a640bece2",
    "probe": "probe/review-gpt2-naive-transfer-s0-4d9f0b704e4e",
    "fresh": "fresh/review-s0-a34d38d419db",
    "adapt": "adapt/review-tiny-xs-texts-transfer-s0-fbd2790dc398",
    "adapted": "finetune/review-tiny-xs-adapted-truth-transfer-s0-0cd568f4bfeb",
    "lp-ft": "finetune/review-gpt2-truth-transfer-s0-310354a7f333",
    "prompt": "prompt/review-gpt2-shots5-transfer-s0-b3f0b9dcee6a",
    "labels": "labels/review-filter-s0-46b5610e578c",
    "relabelling": "finetune/review-gpt2-naive-fresh1-s0-55488085285f",
}


def golden_stages() -> dict[str, Stage]:
    plain, confident = cell(), cell(CONFIDENCE)
    half = {"seed": 0, "half": "transfer", "split": plain.split}
    probe = {"model": replace(GPT2, regime="probe"), "features": probed().student.inputs["features"]}
    kept = probe_stage(recipe=RECIPE, keeps_head=True, **probe, **half)
    return {
        "split": plain.split,
        "pretrain": pretrain_stage(TINY, 0),
        "weak": plain.weak,
        "ceiling": plain.ceiling,
        "naive": plain.student,
        "kept": keeping_model(plain.student),
        "confidence": confident.student,
        "lora": with_lora(),
        "features": probed().student.inputs["features"],
        "probe": probed().student,
        "fresh": fresh_stage(plain.split, 2),
        "adapt": adapt_stage(model=ADAPTED, recipe=RECIPE, base=pretrain_stage(ADAPTED, 0), **half),
        "adapted": finetune_stage(
            model=ADAPTED, recipe=RECIPE, base=adapt_stage(model=ADAPTED, recipe=RECIPE, **half), **half
        ),
        "lp-ft": finetune_stage(model=replace(GPT2, regime="lp-ft"), recipe=RECIPE, head=kept, **half),
        "prompt": prompt_stage(
            model=GPT2, prompt=ASKED, shots=5, calibrate=True, labels=plain.weak, **half
        ),
        "labels": labels_stage(method=HALVED, split=plain.split, sources=[plain.weak]),
        "relabelling": finetune_stage(
            model=GPT2, recipe=RECIPE, seed=0, half="fresh1", split=plain.split, method=NAIVE, labels=plain.weak,
            fresh=fresh_stage(plain.split, 2), predicts=("fresh2",),
        ),
    }  # fmt: skip


@pytest.mark.parametrize("name", GOLDEN)
def test_keys_are_what_they_were(name):
    assert golden_stages()[name].key == GOLDEN[name]


def test_every_kind_of_stage_has_a_golden_key():
    assert {stage.kind for stage in golden_stages().values()} == set(VERSIONS)


def test_a_model_is_pretrained_once_whatever_is_trained_of_it():
    for model in (ADAPTED, replace(TINY, regime="lp-ft"), replace(TINY, lora=LoraSpec())):
        assert pretrain_stage(model, 0) == pretrain_stage(TINY, 0)


def test_a_probe_that_keeps_its_head_is_another_stage_and_only_such_a_one_gives_it():
    plain = probed().ceiling
    kept = golden_stages()["lp-ft"].inputs["head"]
    assert kept != plain and kept.inputs == plain.inputs
    with pytest.raises(AssertionError, match="keeps no head"):
        finetune_stage(
            model=GPT2, recipe=RECIPE, seed=0, half="transfer", split=plain.inputs["split"], head=plain
        )


def test_a_new_version_is_another_stage():
    stage = cell().split
    assert replace(stage, version=2).identity != stage.identity


def test_a_key_is_kind_label_and_twelve_digits():
    stage = cell().weak
    assert stage.key == f"finetune/review-tiny-xs-truth-weak-s0-{stage.identity[:12]}"


def test_arms_of_one_pair_share_supervisor_ceiling_and_split():
    naive, confident = cell(NAIVE), cell(CONFIDENCE)
    assert (
        naive.weak == confident.weak and naive.ceiling == confident.ceiling and naive.split == confident.split
    )
    assert naive.student != confident.student


def test_all_probes_of_a_model_share_its_features():
    naive, confident = probed(NAIVE), probed(CONFIDENCE)
    shared = {stage.inputs["features"] for stage in (naive.student, confident.student, naive.ceiling)}
    assert len(shared) == 1 and naive.weak.inputs["features"] not in shared
    assert naive.student != cell(NAIVE).student


def test_pairs_with_one_strong_model_share_its_ceiling():
    other = replace(TINY, source=Source(kind="world", name="tiny-s", version=1))
    assert cell(weak=other).ceiling == cell().ceiling
    assert cell(weak=other).student != cell().student


def test_a_change_far_upstream_changes_everything_that_descends_from_it():
    before, after = cell(), cell(weak=replace(TINY, context=65))
    assert before.weak != after.weak and before.student != after.student
    assert before.ceiling == after.ceiling


@pytest.mark.parametrize("name", [field.name for field in fields(TrainSpec)])
def test_every_field_of_the_recipe_bears_identity(name):
    value = getattr(RECIPE, name)
    other = (not value) if isinstance(value, bool) else f"{value}x" if isinstance(value, str) else None
    other = other if other is not None else [*value, 1.0] if isinstance(value, tuple) else value + 1
    assert cell(recipe=replace(RECIPE, **{name: other})).weak != cell().weak


def test_roles_cannot_be_exchanged():
    split = split_stage(REVIEW, 0)
    common = {"model": TINY, "recipe": RECIPE, "seed": 0, "half": "transfer", "split": split}
    base, labels = cell().weak, cell().ceiling
    one = finetune_stage(**common, method=NAIVE, labels=labels, base=base)
    other = finetune_stage(**common, method=NAIVE, labels=base, base=labels)
    assert one != other


def test_a_method_without_labels_is_refused():
    with pytest.raises(AssertionError, match="a method needs weak labels"):
        finetune_stage(model=TINY, recipe=RECIPE, seed=0, half="weak", split=cell().split, method=NAIVE)


def test_the_label_says_only_what_the_identity_holds():
    """Two stages of one identity have one label, so one key, whatever order or alias the YAML had."""
    turned = MethodSpec(name="confidence", version=1, params=dict(reversed(CONFIDENCE.params.items())))
    assert cell(turned).student.key == cell(CONFIDENCE).student.key
    config = {"b": 1, "a": 2}
    one, other = (
        pretrain_stage(replace(TINY, config=c), 0) for c in (config, dict(reversed(config.items())))
    )
    assert one.key == other.key


def test_where_and_how_work_runs_is_in_no_stage():
    held = {name for stage in closure([cell().student]) for name in stage.spec}
    for outside in (Resources, Layout):
        assert not held & {field.name for field in fields(outside)}


HOSTILE = [
    "../../x",
    "/abs",
    "$(touch x)",
    "<script>",
    "a\0b",
    "x" * 300,
    "ß…🙂",
    "..",
    "",
    " ",
    "a/b/../../c",
    "-rf",
    "\n",
    "CON",
]


@pytest.mark.parametrize("name", HOSTILE, ids=repr)
def test_a_hostile_name_makes_one_safe_path_component(name):
    assert_safe(split_stage(replace(REVIEW, name=name), 0))
    assert_safe(pretrain_stage(replace(TINY, source=Source(kind="hub", name=name)), 0))


@given(st.text(max_size=400))
@settings(max_examples=200, **PATIENT)
def test_any_name_makes_one_safe_path_component(name):
    assert_safe(
        Stage(kind="split", version=1, spec={}, label=split_stage(replace(REVIEW, name="x"), 0).label)
    )
    try:
        assert_safe(split_stage(replace(REVIEW, name=name), 0))
    except TypeError as error:  # a lone surrogate has no identity
        assert "Unicode" in str(error)


def assert_safe(stage: Stage) -> None:
    kind, label = stage.key.split("/")
    assert kind == stage.kind
    assert label.isascii() and len(label) <= 113 and label[0].isalnum()
    assert not set(label) - set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._=-")


def test_closure_lists_inputs_before_consumers_and_each_once():
    plain, confident = cell(), cell(CONFIDENCE)
    stages = closure([plain.student, confident.student, plain.ceiling])
    places = {stage.identity: place for place, stage in enumerate(stages)}
    assert len(places) == len(stages) == 6
    assert all(places[source.identity] < places[s.identity] for s in stages for source in s.inputs.values())


def test_a_stage_survives_a_pickle_with_its_identity():
    stage = cell().student
    assert pickle.loads(pickle.dumps(stage)) == stage and hash(pickle.loads(pickle.dumps(stage))) == hash(
        stage
    )


def test_a_hub_model_without_a_revision_is_another_thing_than_a_pinned_one():
    floating = replace(GPT2, source=replace(GPT2.source, revision=None))
    assert pretrain_stage(floating, 0) != pretrain_stage(GPT2, 0)
    assert not floating.source.pinned and GPT2.source.pinned
