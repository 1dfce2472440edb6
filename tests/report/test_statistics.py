"""From tables to statistics: which cells a number is of, how sure it is, what compares arms, and that it is stable."""

import json

import numpy as np
import pytest

from tests.report.tables import GROUPS, made_up
from w2s_ray.report import statistics as module
from w2s_ray.report.draws import NO_ITEMS, ONE_SEED
from w2s_ray.report.numbers import statistics
from w2s_ray.report.statistics import sweep_results

NINE = tuple("abcdefghi")


def results(sweep, *, draws=400, groups=lambda _: GROUPS):
    return sweep_results(*sweep.tables(), groups, level=0.95, draws=draws)


def reading(found, measure="accuracy", choice="all", arm=0):
    return found.arms[arm].readings[measure][choice]


def ratio(cells, measure="accuracy"):
    score = {
        role: np.array([cell[f"{measure}/{role}/test"] for cell in cells])
        for role in ("weak", "student", "ceiling")
    }
    return (score["student"] - score["weak"]).sum() / (score["ceiling"] - score["weak"]).sum()


def test_a_task_is_its_mean_gain_over_its_mean_gap():
    sweep = made_up(tasks=("a",))
    found = reading(results(sweep))
    assert found.median.value == found.ratio_of_means.value == found.pooled.value
    assert found.median.value == pytest.approx(ratio(sweep.of("xs-l-naive")))


def test_dev_and_held_out_tasks_are_read_apart_and_together():
    sweep = made_up(held_out=("c",))
    found = results(sweep)
    cells = sweep.of("xs-l-naive")
    assert list(found.arms[0].readings["accuracy"]) == ["all", "dev", "held-out", "well"]
    for role in ("dev", "held-out"):
        its = reading(found, choice=role).ratio_of_means
        assert its.value == pytest.approx(ratio([cell for cell in cells if cell["role"] == role]))
        assert its.these.low < its.value < its.these.high
    assert found.arms[0].by_role["dev"].ratio_of_means == reading(found, choice="dev").ratio_of_means.value


def test_a_sick_run_is_in_one_number_and_not_in_the_other():
    sweep = made_up()
    ruined = next(cell for cell in sweep.of("xs-l-naive") if (cell["task"], cell["seed"]) == ("b", 1))
    ruined |= {"sick": ["student: constant predictor"], "accuracy/student/test": 0.5}
    sweep.correct[ruined["student_key"]] = np.arange(len(GROUPS)) % 2 == 0
    found = results(sweep)
    every, well = reading(found), reading(found, choice="well")
    rest = [cell for cell in sweep.of("xs-l-naive") if cell is not ruined]
    of_b = [cell for cell in rest if cell["task"] == "b"]
    assert next(task for task in well.tasks if task.task == "b").student == pytest.approx(
        np.mean([cell["accuracy/student/test"] for cell in of_b])
    )
    assert well.ratio_of_means.value > every.ratio_of_means.value + 0.05
    assert well.ratio_of_means.these.low < well.ratio_of_means.value < well.ratio_of_means.these.high
    assert found.arms[0].num_sick == 1
    assert reading(found, choice="well", arm=1) == reading(found, arm=1)


def test_a_task_without_a_healthy_cell_is_left_out_of_the_other_number():
    sweep = made_up()
    for cell in sweep.of("xs-l-naive"):
        if cell["task"] == "b":
            cell["sick"] = ["near-majority"]
    assert [task.task for task in reading(results(sweep), choice="well").tasks] == ["a", "c"]


def test_an_undefined_task_is_listed_with_its_gain_and_only_pooled():
    sweep = made_up(flat=("b",))
    found = results(sweep)
    its = reading(found)
    assert list(its.undefined) == ["b"]
    kept = [cell for cell in sweep.of("xs-l-naive") if cell["task"] != "b"]
    assert its.ratio_of_means.value == pytest.approx(ratio(kept))
    assert its.pooled.value == pytest.approx(ratio(sweep.of("xs-l-naive")))
    assert its.pooled.these != its.ratio_of_means.these
    (listed,) = statistics(found)["arms"][0]["readings"]["accuracy"]["all"]["undefined"]
    assert (listed["task"], listed["why"]) == ("b", its.undefined["b"])
    assert abs(listed["gain"]) < 0.05


def test_tasks_like_these_are_spoken_of_from_eight_on_and_less_surely():
    assert reading(results(made_up(tasks=NINE[:7]))).median.like is None
    found = results(made_up(tasks=NINE, flat=("a", "b")))
    assert reading(found).ratio_of_means.like is None  # seven have a gap
    assert reading(found).pooled.like is not None
    whole = reading(results(made_up(tasks=NINE)))
    for estimate in (whole.median, whole.ratio_of_means, whole.pooled):
        assert estimate.like.low < estimate.value < estimate.like.high


def test_fieller_and_the_bootstrap_agree_where_the_gap_is_wide():
    its = reading(results(made_up(), draws=4000))
    drawn, exact = its.ratio_of_means.these, its.fieller
    assert (drawn.low, drawn.high) == pytest.approx((exact.low, exact.high), abs=0.02)


def test_an_arm_is_the_same_whatever_else_is_in_the_plan():
    sweep = made_up(pairs=(("xs", "l"), ("s", "l")), tasks=NINE)
    whole = statistics(results(sweep))["arms"]
    sweep.arms = sweep.arms[::-1][:3]
    some = statistics(results(sweep))["arms"]
    assert json.dumps(some) == json.dumps(whole[::-1][:3])


def test_the_size_of_a_batch_changes_no_number(monkeypatch):
    sweep = made_up(pairs=(("xs", "l"), ("s", "l"), ("xs", "m")))
    whole = json.dumps(statistics(results(sweep)), allow_nan=False)
    monkeypatch.setattr(module, "_BATCH", 2)
    assert json.dumps(statistics(results(sweep)), allow_nan=False) == whole


def test_auroc_is_resampled_by_seeds_and_says_when_it_cannot_be():
    its = reading(results(made_up()), "auroc")
    assert its.ratio_of_means.these.low < its.ratio_of_means.value < its.ratio_of_means.these.high
    alone = reading(results(made_up(seeds=(0,))), "auroc")
    assert (alone.ratio_of_means.these, alone.no_interval) == (None, ONE_SEED)
    sweep = made_up()
    for cell in sweep.cells:
        cell["auroc/weak/test"] = None  # as where there are more classes than two
    assert list(results(sweep).arms[0].readings) == ["accuracy"]


@pytest.mark.parametrize("lost", ["groups", "bits"])
def test_without_items_there_are_numbers_and_no_intervals_and_the_reason(lost):
    sweep = made_up()
    if lost == "bits":
        sweep.correct.pop("xs-a-0")
    found = results(sweep, groups=lambda _: None if lost == "groups" else GROUPS)
    its = reading(found)
    assert its.ratio_of_means.value == pytest.approx(ratio(sweep.of("xs-l-naive")))
    assert (its.ratio_of_means.these, its.fieller, its.no_interval) == (None, None, NO_ITEMS)
    assert all(each.interval is None for each in found.comparisons)


def test_accuracies_have_wilson_intervals():
    for task in results(made_up()).arms[0].tasks:
        for role, interval in task.accuracy.items():
            assert interval.low < getattr(task.mean, role) < interval.high
            assert 0.02 < interval.high - interval.low < 0.2


def test_an_arm_without_cells_has_no_numbers():
    sweep = made_up()
    sweep.cells = sweep.of("xs-l-naive")
    found = results(sweep)
    empty = found.arms[1]
    assert (empty.num_cells, empty.numbers.median, dict(empty.readings)) == (0, None, {})
    assert found.comparisons == ()
    json.dumps(statistics(found), allow_nan=False)


def test_a_cell_without_predictions_is_left_out_and_the_rest_is_shown():
    sweep = made_up()
    sweep.of("xs-l-naive")[0]["accuracy/ceiling/test"] = None
    found = results(sweep)
    assert (found.arms[0].num_cells, found.arms[1].num_cells) == (8, 9)
    assert found.arms[0].tasks[0].seeds == (1, 2)
    json.dumps(statistics(found), allow_nan=False)


def test_methods_are_compared_with_naive_task_by_task():
    found = results(made_up(tasks=NINE))
    accuracy, auroc = found.comparisons
    assert (accuracy.measure, auroc.measure) == ("accuracy", "auroc")
    assert (accuracy.label, accuracy.baseline_label) == ("confidence", "naive")
    assert accuracy.tests.wins == 9
    assert 0 < accuracy.interval.low < accuracy.tests.mean < accuracy.interval.high
    assert auroc.tests.mean == pytest.approx(accuracy.tests.mean / 2)
    assert accuracy.wilcoxon_holm == accuracy.tests.wilcoxon  # it is alone in its pair


def test_only_shared_seeds_are_compared():
    sweep = made_up()
    sweep.cells = [
        cell for cell in sweep.cells if not (cell["arm"] == "xs-l-confidence" and cell["seed"] == 2)
    ]
    (found, _) = results(sweep).comparisons
    cells = [cell for cell in sweep.cells if cell["task"] == "a" and cell["seed"] < 2]
    mean = {
        arm: np.mean([cell["accuracy/student/test"] for cell in cells if cell["arm"] == arm])
        for arm in ("xs-l-naive", "xs-l-confidence")
    }
    assert found.differences["a"] == pytest.approx(mean["xs-l-confidence"] - mean["xs-l-naive"])
    assert found.interval is None


def test_trends_are_against_compute_where_it_is_known_of_every_model():
    sweep = made_up(pairs=(("xs", "m"), ("xs", "l"), ("s", "l")))
    found = {(each.what, each.label): each for each in results(sweep).trends}
    assert set(found) == {
        (what, label) for what in ("pgr", "agreement_on_mistakes") for label in ("naive", "confidence")
    }
    naive = found["pgr", "naive"]
    assert naive.axis == "compute"
    assert [point.x for point in naive.points] == pytest.approx([2, 3, 2])
    assert naive.line.interval.low < naive.line.slope < naive.line.interval.high
    assert abs(naive.line.slope) < 0.2  # every pair recovers the same share
    for cell in sweep.cells:
        cell["weak_compute"] = 0.0
    assert results(sweep).trends[0].axis == "parameters"
    assert [point.x for point in results(sweep).trends[0].points] == pytest.approx([1, 1.5, 1], abs=0.01)


def test_a_control_is_on_no_trend():
    sweep = made_up(pairs=(("xs", "m"), ("xs", "l")))
    for cell in sweep.cells:
        cell["control"] = "-m-" in cell["arm"]
    assert results(sweep).trends == ()
