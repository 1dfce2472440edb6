"""Tables of analyses: from cells by hand, and from a sweep that went through MLflow."""

import numpy as np
import pandas as pd
import pytest

from w2s_ray.metrics.recovery import TaskMean
from w2s_ray.report import analyses
from w2s_ray.report.easy_to_hard import easy_to_hard
from w2s_ray.report.saliency import saliency
from w2s_ray.tracking import Experiment


def cell(arm="a", task="t", seed=0, **more):
    words = {"weak": "xs", "strong": "l", "method": "naive", "params": {}, "test_set": "frozen"}
    keys = {f"{role}_key": f"finetune/{role}-{arm}-{task}-{seed}" for role in analyses.ROLES}
    return {"arm": arm, "task": task, "seed": seed, "weak_parameters": 10} | words | keys | more


def table(*cells):
    return pd.DataFrame(list(cells))


@pytest.fixture(scope="module")
def whole(uri):
    source = Experiment(uri, "whole")
    return source.cells(), source.stages()


def test_an_arm_is_a_mean_over_tasks_of_means_over_seeds():
    metric = "correction/test"
    cells = table(
        cell(seed=0, **{metric: 0.2, "retention/test": 1.0}),
        cell(seed=1, **{metric: 0.4, "retention/test": 1.0}),
        cell(task="u", **{metric: 0.9, "retention/test": 1.0}),
        cell(task="v", **{"retention/test": 1.0}),  # its supervisor made no mistake
    )
    (row,) = analyses.corrections(cells)
    assert row.correction == pytest.approx((0.3 + 0.9) / 2)
    assert row.agrees_on_mistakes is None


def test_every_table_reads_what_travelled_through_mlflow(whole):
    cells, stages = whole
    arms = cells["arm"].nunique()
    assert len(analyses.corrections(cells)) == arms
    for row in analyses.corrections(cells):  # two classes: what is not repeated is corrected
        assert row.agrees_on_mistakes + row.correction == pytest.approx(1)
    assert len(analyses.calibrations(cells)) == len(analyses.confidences(cells, stages)) == 3 * arms
    for row in analyses.confidences(cells, stages):
        assert sum(row.right) + sum(row.wrong) == 400 * 2 * 2  # test items, tasks, seeds
    assert len(analyses.misfits(cells)) == 2 * len(cells)
    assert all(row.misfit >= 0 for row in analyses.misfits(cells))
    assert analyses.stop_rules(cells, {}) == []  # its curves were seen once
    assert easy_to_hard(cells, stages) == []  # one supervisor
    assert saliency(cells) == []  # no probes


def test_an_experiment_without_the_metrics_has_no_rows(whole):
    cells, stages = whole
    words = ("correction", "retention", "ece", "adaptive_ece", "brier", "misfit", "gain/squared", "gain/kl")
    old = cells.drop(columns=[name for name in cells if name.startswith((*words, "checkpoint"))])
    assert (
        analyses.corrections(old)
        == analyses.calibrations(old)
        == analyses.misfits(old)
        == saliency(old)
        == []
    )
    assert analyses.confidences(old, stages.drop(columns="confidence")) == []
    assert analyses.corrections(table()) == easy_to_hard(table(), table()) == saliency(table()) == []


def stopped(task, last, weak_val, oracle, **more):
    rules = {"stop/last/test": last, "stop/weak-val/test": weak_val, "stop/oracle/test": oracle}
    return cell(task=task, **rules, **{"accuracy/weak/test": 0.5, "accuracy/ceiling/test": 0.9}, **more)


def test_stopping_rules_are_compared_on_the_tasks_whose_course_was_seen():
    cells = table(stopped("t", 0.6, 0.7, 0.8), stopped("u", 0.7, 0.7, 0.9), cell(task="v"))
    found = {row.rule: row for row in analyses.stop_rules(cells, {})}
    assert {rule: row.pgr.median for rule, row in found.items()} == pytest.approx(
        {"last": (0.25 + 0.5) / 2, "weak-val": 0.5, "oracle": (0.75 + 1) / 2}
    )
    assert found["last"].accuracy == pytest.approx(0.65)


def test_a_task_whose_gap_is_noise_has_no_pgr_by_any_rule():
    cells = table(stopped("t", 0.6, 0.7, 0.8), stopped("u", 0.7, 0.7, 0.9))
    noisy = {"a": [TaskMean(task="u", weak=0.5, student=0.7, ceiling=0.9, se=0.3)]}
    for row in analyses.stop_rules(cells, noisy):
        assert list(row.pgr.undefined) == ["u"]


RIGHT = {  # two supervisors; the student and the ceiling of the pair with the smaller one
    "weak-a": [1, 1, 0, 0, 0, 0],
    "weak-b": [1, 0, 1, 1, 0, 0],
    "student-a": [1, 1, 1, 0, 1, 0],
    "ceiling-a": [1, 1, 1, 1, 1, 0],
}


def two_supervisors(**more):
    stages = [
        {"key": f"finetune/{name}-t-0", "correct": np.array(bits, bool)} for name, bits in RIGHT.items()
    ]
    return table(cell(), cell(arm="b", weak="s", **{"weak_parameters": 20} | more)), table(*stages)


def test_difficulty_is_told_by_the_smallest_supervisor_that_is_right():
    rows = easy_to_hard(*two_supervisors())
    assert [(row.arm.id, row.level, row.num_items) for row in rows] == [
        ("a", "xs", 2), ("a", "s", 2), ("a", "none", 2),
    ]  # fmt: skip
    assert [(row.weak, row.student, row.ceiling) for row in rows] == [(1, 1, 1), (0, 0.5, 1), (0, 0.5, 0.5)]


def test_without_sizes_or_on_other_test_sets_there_is_no_order():
    assert easy_to_hard(*two_supervisors(weak_parameters=0)) == []
    assert easy_to_hard(*two_supervisors(test_set="other")) == []


def ladder(kind, arm, student, ceiling, **more):
    scores = {"accuracy/student/test": student, "accuracy/ceiling/test": ceiling}
    return cell(arm=arm, strong=arm, **{"checkpoint": "c", "student_key": f"{kind}/x"} | more, **scores)


def test_saliency_pairs_the_probe_and_the_finetune_of_one_checkpoint():
    cells = table(
        ladder("probe", "lp", 0.66, 0.72),
        ladder("finetune", "ft", 0.75, 0.80),
        ladder("finetune", "ft", 0.1, 0.1, task="only here"),
        ladder("finetune", "other weights", 0.2, 0.2, checkpoint="d"),
        ladder("finetune", "other method", 0.3, 0.3, method="confidence"),
    )
    (row,) = saliency(cells)
    assert (row.probed.strong, row.finetuned.strong) == ("lp", "ft")
    assert (row.lp_weak, row.lp_gt, row.ft_weak, row.ft_gt) == pytest.approx((0.66, 0.72, 0.75, 0.80))
