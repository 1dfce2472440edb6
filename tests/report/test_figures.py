"""What figures show, by their data: which arms, on which axis, and nothing where there is nothing."""

from w2s_ray.metrics.intervals import Interval
from w2s_ray.metrics.recovery import TaskMean, aggregates
from w2s_ray.report.choice import drawn_arms, headline_arms
from w2s_ray.report.figures import FIGURES, accuracy_by_size, pgr_by_size, task_bars
from w2s_ray.report.statistics import ArmResult, TaskResult


def arm(method="naive", *, student=0.7, weak="xs", strong="l", label="", ceiling=0.9):
    mean = TaskMean(task="review", weak=0.6, student=student, ceiling=ceiling)
    interval = Interval(low=0.1, high=0.9, level=0.95)
    task = TaskResult(mean=mean, role="dev", seeds=(0,), interval=interval, agreement={})
    return ArmResult(
        id=label or method, weak=weak, strong=strong, method=method, params={}, label=label or method,
        tasks=(task,), num_cells=1, num_undefined=0, num_sick=0, numbers=aggregates([mean]),
        interval=interval, by_role={},
    )  # fmt: skip


def rows(chart):
    return chart.to_dict()["data"]["values"]


def test_known_sizes_go_on_a_log_axis_and_unknown_ones_are_named():
    arms = [arm(strong="m"), arm(strong="l")]
    known = accuracy_by_size(arms, {"m": 600_000, "l": 3_000_000}, "").to_json()
    assert '"type": "log"' in known
    assert "student size (parameters)" in known
    unknown = accuracy_by_size(arms, {"m": 600_000}, "").to_json()
    assert '"type": "log"' not in unknown
    assert "student model" in unknown


def test_one_supervisor_has_a_line_per_method_and_several_have_a_panel_per_method():
    one = rows(accuracy_by_size([arm(), arm("confidence")], {}, ""))
    assert {row["series"] for row in one} == {"naive", "confidence"}
    several = rows(pgr_by_size([arm(), arm(weak="s")], {}, ""))
    assert {row["series"] for row in several} == {"supervisor xs", "supervisor s"}
    assert {row["panel"] for row in several} == {"naive"}


def test_the_caption_is_on_every_figure():
    for figure in FIGURES.values():
        assert (
            "leave out pretraining"
            in figure([arm()], {}, "Intervals leave out pretraining variance.").to_json()
        )


def test_an_arm_without_a_gap_has_an_accuracy_and_no_pgr():
    flat = [arm(ceiling=0.6)]
    assert accuracy_by_size(flat, {}, "") is not None
    assert pgr_by_size(flat, {}, "") is None
    assert task_bars(flat, {}, "") is None
    assert headline_arms(flat) is None


def test_a_search_draws_the_best_arm_of_each_method():
    searched = [arm("confidence", label=f"confidence(alpha={n})", student=0.6 + n / 100) for n in range(20)]
    drawn = drawn_arms([arm(), *searched])
    assert [each.label for each in drawn] == ["naive", "confidence (best arm)"]
    assert drawn[1].tasks[0].mean.student == 0.79


def test_the_headline_is_the_best_method_of_the_pair_with_the_widest_gap():
    narrow, wide = arm(strong="m", ceiling=0.75, student=0.74), arm("confidence", student=0.8)
    naive, best = headline_arms([narrow, arm(), wide])
    assert (naive.label, best.label, best.strong) == ("naive", "confidence", "l")
