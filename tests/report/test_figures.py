"""What figures show, by their data: which arms, on which axis, and nothing where there is nothing."""

import json
from dataclasses import replace

import pandas as pd
import pytest

from w2s_ray.core.errors import ConfigError
from w2s_ray.metrics.intervals import Interval
from w2s_ray.metrics.recovery import TaskMean, aggregates
from w2s_ray.metrics.stops import stops as metric_stops
from w2s_ray.report.choice import drawn_arms, headline_arms
from w2s_ray.report.drawing import palette
from w2s_ray.report.drawing.agreement import agreement_rows
from w2s_ray.report.drawing.bars import task_bars
from w2s_ray.report.drawing.by_size import accuracy_by_size, pgr_by_size
from w2s_ray.report.drawing.calibration import reliability_rows
from w2s_ray.report.drawing.cost import cost_rows
from w2s_ray.report.drawing.curves import course, curves, stops
from w2s_ray.report.drawing.material import Material
from w2s_ray.report.drawing.matrix import transfer_matrix
from w2s_ray.report.drawing.methods import compared, method_rows, score_interval
from w2s_ray.report.drawing.panels import panel_rows
from w2s_ray.report.drawing.response import response_rows
from w2s_ray.report.drawing.saliency import saliency, saliency_rows
from w2s_ray.report.drawing.timeline import timeline_of
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


def two_courses():
    """A student seen at four of 8 steps and one seen at two of 80, with what it was on select and on test rows."""
    first = [[2, 0.6, 0.5], [4, 0.9, 0.7], [6, 0.9, 0.8], [8, 0.7, 0.6]]
    return first, [[40, 0.5, 0.4], [80, 0.5, 0.6]]


def test_a_course_is_a_mean_over_tasks_by_the_fraction_of_steps():
    first, _ = two_courses()
    second = [[step * 10, select, test + 0.1] for step, select, test in first]
    cells = [{"task": name, "student_key": name} for name in ("a", "b")]
    found = course(cells, {"a": first, "b": second})
    assert found.fraction.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert found.accuracy.tolist() == pytest.approx([0.55, 0.75, 0.85, 0.65])
    assert found.stops == {"weak-val": 0.5, "oracle": 0.75}
    assert course(cells, {}) is None


def test_courses_of_unequal_density_are_read_at_equal_fractions():
    cells = [{"task": name, "student_key": name} for name in ("a", "b")]
    found = course(cells, dict(zip("ab", two_courses(), strict=True)))
    assert found.fraction.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert found.accuracy[2] == pytest.approx((0.8 + 0.5) / 2)


def test_stops_are_where_the_metric_of_stops_stops():
    points, _ = two_courses()
    words = ("step", "select_accuracy", "test_accuracy")
    expected = metric_stops([dict(zip(words, point, strict=True)) for point in points])
    found = course([{"task": "a", "student_key": "a"}], {"a": points})
    for rule, fraction in found.stops.items():
        assert found.at(fraction) == pytest.approx(expected[rule])


def test_curves_mark_both_stops_and_are_drawn_for_students_that_were_seen_on_their_way():
    stage = {"key": "naive", "kind": "finetune", "seconds": 1.0, "curve": two_courses()[0]}
    found = rows(curves(material([arm(), arm("confidence")], stages=[stage])))
    assert {row["series"] for row in found} == {"naive"}
    assert sum(row["kind"] == "point" for row in found) == 4
    assert {row["stop"]: row["fraction"] for row in found if row["kind"] == "stop"} == {
        "stop by weak validation": 0.5, "stop by the oracle": 0.75,
    }  # fmt: skip
    assert {row["accuracy"] for row in found if row["kind"] == "ceiling"} == {90}


def test_a_stop_without_a_gap_has_no_bar():
    def cells(ceiling):
        base = material([arm(ceiling=ceiling)]).cells.to_dict("records")[0]
        scores = {"stop/last/test": 0.7, "stop/weak-val/test": 0.75, "stop/oracle/test": 0.8}
        return [base | scores | {"accuracy/weak/test": 0.6, "accuracy/ceiling/test": ceiling}]

    found = rows(stops(material([arm()], cells=cells(0.9))))
    assert [row["pgr"] for row in found] == pytest.approx([1 / 3, 0.5, 2 / 3])
    assert stops(material([arm(ceiling=0.6)], cells=cells(0.6))) is None


def test_models_of_equal_weights_stand_on_one_rung_with_lines_of_their_own():
    arms = [arm(label="a", strong="l"), arm(label="b", strong="l-probe")]
    cells = material(arms, {"l": 100, "l-probe": 100}).cells.assign(checkpoint="same").to_dict("records")
    chart = accuracy_by_size(material(arms, cells=cells))
    assert [(row["rung"], row["series"]) for row in rows(chart)] == [("l", "a"), ("l", "b, probe")]
    assert '"100": "l"' in json.dumps(chart.to_dict()).replace("\\", "")
    assert "dashed: probe" in chart.to_json()


def test_agreement_has_a_panel_for_each_kind_of_row_and_none_where_it_is_not_known():
    told = replace(arm().tasks[0], agreement={"all": 0.8, "weak_right": 0.9, "weak_wrong": None})
    found = agreement_rows(material([replace(arm(), tasks=(told,)), arm("other")]))
    assert [(row["where"], row["agreement"]) for row in found] == [
        ("all test rows", 80), ("where the supervisor is right", 90),
    ]  # fmt: skip


def test_panels_show_naive_and_the_best_method_where_there_are_several_supervisors():
    arms = [arm(weak=weak, label=name, method=name, student=student)
            for weak in ("xs", "s") for name, student in (("naive", 0.7), ("good", 0.8), ("bad", 0.65))]  # fmt: skip
    found = panel_rows(material(arms))
    assert {row["method"] for row in found} == {"naive", "good"}
    assert {row["series"] for row in found} == {"supervisor xs", "supervisor s"}
    assert {row["method"] for row in panel_rows(material(arms[:3]))} == {"naive", "good", "bad"}


def test_methods_are_those_of_the_pair_with_most_and_the_best_is_on_top():
    arms = [arm(), arm("a", student=0.8), arm("flat", student=0.75, ceiling=0.6), arm(strong="m")]
    found = method_rows(compared(arms))
    assert [row["method"] for row in found] == ["a", "naive", "flat"]
    assert found[2]["pgr"] is None
    assert compared(arms[:2]) is None


def test_the_interval_of_a_mean_accuracy_is_narrower_than_those_of_its_tasks():
    wilson = {"student": Interval(low=0.6, high=0.8, level=0.95)}
    told = replace(arm().tasks[0], accuracy=wilson)
    four = replace(arm(), tasks=(told,) * 4)
    assert score_interval(four) == Interval(low=pytest.approx(0.65), high=pytest.approx(0.75), level=0.95)
    assert score_interval(arm()) is None


def test_a_matrix_needs_two_supervisors_and_two_students():
    grid = [arm(label="naive", weak=weak, strong=strong) for weak in ("xs", "s") for strong in ("m", "l")]
    grid = [replace(each, id=f"{each.weak}{each.strong}") for each in grid]
    assert transfer_matrix(material(grid[:2])) is None
    text = transfer_matrix(material(grid, {"xs": 1, "s": 2, "m": 3, "l": 4})).to_json()
    assert "+10.0" in text
    assert "0.33" in text


def test_the_response_is_to_each_numeric_parameter_that_arms_vary():
    arms = [replace(arm("confidence", label=f"c{n}"), params={"alpha": n / 10, "mode": "x"}) for n in (1, 5)]
    found = response_rows([arm(), *arms])
    assert [(row["panel"], row["value"]) for row in found] == [
        ("confidence: alpha", 0.1),
        ("confidence: alpha", 0.5),
    ]
    assert [row["naive"] for row in found] == pytest.approx([1 / 3] * 2)
    words = [replace(each, params={"structure": each.label}) for each in arms]
    assert response_rows(words) == []


def test_a_cost_is_counted_once_and_by_device():
    stages = [
        {"key": "w", "kind": "finetune", "seconds": 10.0, "layout": {"device": "cuda", "world_size": 4}},
        {"key": "naive", "kind": "finetune", "seconds": 5.0, "layout": {}},
        {"key": "s", "kind": "split", "seconds": 1.0, "layout": {}},
        {"key": "between", "kind": "finetune", "seconds": 2.0, "layout": {}},
    ]
    found = cost_rows(material([arm(), arm(strong="m", label="naive")], stages=stages))
    assert [(row["what"], row["device"], row["seconds"]) for row in found] == [
        ("splits", "CPU", 1.0), ("supervisors", "GPU", 40.0), ("trainings between", "CPU", 2.0),
        ("students: naive", "CPU", 5.0),
    ]  # fmt: skip


def ran(key, finished_s, seconds, host="a"):
    return {
        "key": key,
        "kind": "finetune",
        "finished_s": finished_s,
        "seconds": seconds,
        "provenance": {"host": host},
    }


def test_stages_that_overlap_in_one_place_have_lanes_of_their_own():
    found = timeline_of(
        [ran("one", 10.0, 10), ran("two", 12.0, 10), ran("three", 15.0, 4), ran("four", 9, 9, "b")]
    )
    assert {span.key: span.lane for span in found.spans} == {
        "one": "a 1", "two": "a 2", "three": "a 1", "four": "b 1",
    }  # fmt: skip
    assert found.idle == pytest.approx(1 - 33 / 45)
    assert found.cuts == ()


def test_a_long_pause_of_everything_is_cut_out():
    found = timeline_of([ran("one", 10.0, 10), ran("two", 1010.0, 10)])
    assert found.cuts == (10.0,)
    assert [(span.begin, span.end) for span in found.spans] == [(0, 10), (10, 20)]
    assert found.idle == pytest.approx(0)
    assert timeline_of([ran("one", 10.0, 10)]) is None


def test_saliency_has_the_bars_that_an_experiment_holds():
    def cell(name, kind, student, ceiling):
        return {"arm": name, "weak": "xs", "strong": name, "method": "naive", "params": {}, "task": "t", "seed": 0,
                "checkpoint": "c", "student_key": f"{kind}/x", "ceiling_key": f"{kind}/y", "weak_key": "w",
                "weak_parameters": 0, "student_parameters": 0, "accuracy/student/test": student,
                "accuracy/ceiling/test": ceiling}  # fmt: skip

    cells = [cell("l-probe", "probe", 0.66, 0.72), cell("l", "finetune", 0.75, 0.8)]
    found = saliency_rows(material([arm()], cells=cells))
    assert [(row["bar"], row["accuracy"]) for row in found] == [
        ("lp(weak)", 66), ("lp(gt)", 72), ("ft(weak)", 75), ("ft(gt)", 80),
    ]  # fmt: skip
    assert saliency(material([arm()], cells=cells[:1])) is None


def test_reliability_leaves_out_bins_of_few_answers():
    counts = {"right": [0, 0, 18, 40], "wrong": [0, 0, 1, 10]}
    stages = [{"key": "naive", "kind": "finetune", "seconds": 1.0, "confidence": counts}]
    (row,) = reliability_rows(material([arm()], stages=stages))
    assert (row["role"], row["confidence"], row["accuracy"], row["count"]) == ("student", 0.875, 0.8, 50)


def test_thirty_series_can_be_told_apart():
    assert len(set(zip(*palette.series(30), strict=True))) == 30
