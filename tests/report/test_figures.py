"""What figures show, by their data: which arms, on which axis, and nothing where there is nothing."""

import json

import pandas as pd
import pytest

from w2s_ray.core.errors import ConfigError
from w2s_ray.metrics.intervals import Interval
from w2s_ray.metrics.recovery import TaskMean, aggregates
from w2s_ray.report.choice import drawn_arms, headline_arms
from w2s_ray.report.drawing.bars import task_bars
from w2s_ray.report.drawing.by_size import accuracy_by_size, pgr_by_size
from w2s_ray.report.drawing.material import Material
from w2s_ray.report.figures import FIGURES, charts, check_figures
from w2s_ray.report.results import ArmResult, TaskResult


def arm(method="naive", *, student=0.7, weak="xs", strong="l", label="", ceiling=0.9, control=False):
    mean = TaskMean(task="review", weak=0.6, student=student, ceiling=ceiling)
    interval = Interval(low=0.1, high=0.9, level=0.95)
    task = TaskResult(mean=mean, role="dev", seeds=(0,), interval=interval, agreement={})
    return ArmResult(
        id=label or method, weak=weak, strong=strong, method=method, params={}, label=label or method,
        tasks=(task,), num_cells=1, num_undefined=0, num_sick=0, numbers=aggregates([mean]),
        interval=interval, by_role={}, control=control,
    )  # fmt: skip


def material(arms, sizes=None, *, caption="", cells=None, stages=()):
    """What figures are drawn from; without `cells`, a row per arm that tells its models' sizes."""
    known = sizes or {}
    of_arms = [
        {"arm": each.id, "weak": each.weak, "strong": each.strong, "weak_parameters": known.get(each.weak, 0),
         "student_parameters": known.get(each.strong, 0), "weak_key": "w", "student_key": each.id, "ceiling_key": "c",
         "task": "review", "seed": 0, "method": each.method, "params": dict(each.params)}
        for each in arms
    ]  # fmt: skip
    table = pd.DataFrame(of_arms if cells is None else cells)
    stages = pd.DataFrame(list(stages), columns=None if stages else ["key", "kind", "seconds"])
    return Material(arms=arms, cells=table, stages=stages, caption=caption)


def rows(chart):
    return chart.to_dict()["data"]["values"]


def test_known_sizes_go_on_a_log_axis_and_unknown_ones_are_named():
    arms = [arm(strong="m"), arm(strong="l")]
    known = accuracy_by_size(material(arms, {"m": 600_000, "l": 3_000_000})).to_json()
    assert '"type": "log"' in known
    assert "student size (parameters)" in known
    unknown = accuracy_by_size(material(arms, {"m": 600_000})).to_json()
    assert '"type": "log"' not in unknown
    assert "student model" in unknown


def test_one_supervisor_has_a_line_per_method_and_several_have_a_panel_per_method():
    one = rows(accuracy_by_size(material([arm(), arm("confidence")])))
    assert {row["series"] for row in one} == {"naive", "confidence"}
    several = rows(pgr_by_size(material([arm(), arm(weak="s")])))
    assert {row["series"] for row in several} == {"supervisor xs", "supervisor s"}
    assert {row["panel"] for row in several} == {"naive"}


def test_the_caption_is_on_every_figure_of_results():
    caption = "Intervals leave out pretraining variance."
    drawn = charts(material([arm(label=name) for name in ("naive", "other", "third")], caption=caption), None)
    assert set(drawn) >= {"accuracy-by-size", "pgr-by-size", "methods", "tasks", "panels"}
    for chart in drawn.values():
        assert "leave out pretraining" in chart.to_json()


def test_a_sweep_without_results_has_no_figure():
    assert charts(material([]), None) == {}


def test_an_unknown_figure_is_told_with_the_nearest_name():
    check_figures(None, "report.figures")
    check_figures(list(FIGURES), "report.figures")
    with pytest.raises(ConfigError, match=r"report.figures: unknown figure 'panel'; did you mean 'panels'"):
        check_figures(["tasks", "panel"], "report.figures")


def test_an_arm_without_a_gap_has_an_accuracy_and_no_pgr():
    flat = [arm(ceiling=0.6)]
    assert accuracy_by_size(material(flat)) is not None
    assert pgr_by_size(material(flat)) is None
    assert task_bars(material(flat)) is None
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


def test_a_control_is_a_hollow_mark_without_a_line_and_names_no_size():
    arms = [arm(strong="m"), arm(strong="l"), arm(strong="l-scratch", student=0.5, control=True)]
    chart = accuracy_by_size(material(arms, {"m": 40_000, "l": 800_000, "l-scratch": 800_000})).to_dict()
    assert '"800000": "l"' in json.dumps(chart).replace("\\", "")
    for layer in chart["layer"]:
        kept = [step.get("filter") for step in layer.get("transform", ())]
        if layer["mark"]["type"] == "line":
            assert kept == ["!datum.control"]
        if layer["mark"].get("filled") is False:
            assert kept == ["datum.control"]
    assert headline_arms(arms)[1].strong in ("m", "l")
    assert {row["bar"] for row in rows(task_bars(material(arms)))} >= {"l-scratch: naive, not pretrained"}


def test_where_no_model_was_pretrained_they_are_the_ladder():
    arms = [arm(strong="m", control=True), arm(strong="l", control=True)]
    assert not any(row["control"] for row in rows(accuracy_by_size(material(arms))))
    assert headline_arms(arms) is not None


def test_marks_of_one_size_stand_side_by_side():
    places = [row["place"] for row in rows(pgr_by_size(material([arm(), arm("confidence")], {"l": 1000})))]
    assert places[0] < 1000 < places[1]
    assert max(places) / min(places) < 1.2
