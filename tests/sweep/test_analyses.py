"""A sweep that looks at its students on the way, and probes what it finetunes: its analyses from MLflow."""

import shutil

import pytest

from tests.sweep.small import write_sweep
from w2s_ray.report.analyses import stop_rules
from w2s_ray.report.saliency import saliency
from w2s_ray.sweep.config import load_sweep
from w2s_ray.sweep.run import run_sweep
from w2s_ray.tracking import Experiment, default_uri

CHANGES = [
    "tasks={review: {half: 64, validation: 40, test: 60}}",
    "models.s-probe={source: tiny/s, pretrained: false, regime: probe, lr: 3e-3}",
    "pairs=[{weak: xs, strong: [s, s-probe]}]",
    "methods=[naive]",
    "train.evals=2",
    "train.epochs=2",
]


def test_a_sweep_tells_its_stops_and_its_saliency(tmp_path, mlflow_template):
    out = tmp_path / "out"
    out.mkdir()
    shutil.copy(mlflow_template, out)
    sweep = load_sweep(write_sweep(tmp_path), CHANGES)
    assert run_sweep(sweep, out=out).complete
    cells = Experiment(default_uri(out), "small").cells()
    student = dict(zip(cells["strong"], cells["accuracy/student/test"], strict=True))
    stopped = {(row.arm.strong, row.rule): row.accuracy for row in stop_rules(cells, {})}
    assert stopped["s", "last"] == pytest.approx(student["s"])
    assert stopped["s-probe", "weak-val"] == pytest.approx(student["s-probe"])  # a probe's own selection
    for strong in student:
        assert stopped[strong, "oracle"] >= max(stopped[strong, "last"], stopped[strong, "weak-val"])
    (row,) = saliency(cells)
    assert (row.lp_weak, row.ft_weak) == pytest.approx((student["s-probe"], student["s"]))
