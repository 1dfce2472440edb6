"""A sweep that looks at its students on the way, and probes what it finetunes: its analyses from MLflow."""

import shutil

import pytest

from tests.sweep.small import write_sweep
from w2s_ray.core.errors import ConfigError
from w2s_ray.metrics.stops import RULES
from w2s_ray.report.analyses import stop_rules
from w2s_ray.report.saliency import saliency
from w2s_ray.sweep.config import load_sweep
from w2s_ray.sweep.run import run_sweep
from w2s_ray.sweep.work import Work
from w2s_ray.tracking import Experiment, default_uri

CHANGES = [
    "tasks={review: {half: 64, validation: 40, test: 60}}",
    "models.s-probe={source: tiny/s, pretrained: false, regime: probe, lr: 3e-3}",
    "methods=[naive]",
    "pairs=[{weak: xs, strong: s, methods: [naive, probed]}, {weak: xs, strong: s-probe}]",
    "train.evals=2",
    "train.epochs=2",
]


@pytest.mark.slow
def test_a_sweep_tells_its_stops_and_its_saliency(tmp_path, mlflow_template):
    out = tmp_path / "out"
    out.mkdir()
    shutil.copy(mlflow_template, out)
    sweep = load_sweep(write_sweep(tmp_path), CHANGES)
    assert run_sweep(sweep, out=out).complete
    cells = Experiment(default_uri(out), "small").cells()
    naive = cells[cells["method"] == "naive"]
    student = dict(zip(naive["strong"], naive["accuracy/student/test"], strict=True))
    stopped = {(row.arm.strong, row.arm.method, row.rule): row.accuracy for row in stop_rules(cells, {})}
    assert stopped["s", "naive", "last"] == pytest.approx(student["s"])
    assert stopped["s-probe", "naive", "weak-val"] == pytest.approx(student["s-probe"])  # its own selection
    for strong, method, _ in stopped:
        last, weak_val, oracle = (stopped[strong, method, rule] for rule in RULES)
        assert oracle >= max(last, weak_val)
    (row,) = saliency(cells)
    assert (row.lp_weak, row.ft_weak) == pytest.approx((student["s-probe"], student["s"]))
    (probed,) = cells[cells["method"] == "probed"].to_dict("records")
    assert row.ft_weak_lp_gt == pytest.approx(probed["accuracy/student/test"])
    assert probed["probed_key"] == naive.set_index("strong").loc["s", "student_key"]  # trained once for both


def planned(folder, *changes):
    return [cell.stages.student for cell in Work(load_sweep(write_sweep(folder), [*CHANGES, *changes])).cells]


def test_the_weights_of_a_student_are_kept_only_beside_an_arm_that_probes_them(tmp_path):
    naive, probed, _ = planned(tmp_path)
    assert probed.kind == "probe" and probed.spec["method"] is None
    assert probed.inputs["features"].inputs["base"] == naive and naive.spec["keeps_model"]
    for student in planned(tmp_path, "pairs=all"):
        assert "keeps_model" not in student.spec


def test_the_order_of_arms_changes_no_stage(tmp_path):
    methods = "pairs=[{{weak: xs, strong: s, methods: [{}]}}]"
    one, other = (
        {stage.key for stage in planned(tmp_path, methods.format(", ".join(order)))}
        for order in (("probed", "naive", "{rounds: {num: 1}}"), ("{rounds: {num: 1}}", "naive", "probed"))
    )
    assert one == other


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ("{weak: xs, strong: s-probe, methods: [probed]}", "model 's-probe' is not finetuned by naive"),
        ("{weak: xs, strong: s, methods: [{bootstrap: {via: [xs], then: probed}}]}", "no step on fresh rows"),
    ],
)
def test_what_has_no_weights_of_its_own_is_not_probed(tmp_path, pair, message):
    with pytest.raises(ConfigError, match=message):
        planned(tmp_path, f"pairs=[{pair}]")
