"""The further metrics of a cell, from predictions and curves; and what of a training's confidence travels."""

import json
from pathlib import Path

import numpy as np
import pytest

from w2s_ray.stages.predictions import Predictions
from w2s_ray.sweep.config import load_sweep
from w2s_ray.sweep.work import Work
from w2s_ray.tasks.examples import text_code
from w2s_ray.tracking import cell_run, marks, names, stage_run
from w2s_ray.tracking.analyses import analysis_metrics
from w2s_ray.tracking.files import Examples

IDS = ("a", "b", "c", "d")


def rows(labels):
    return Examples(ids=IDS, labels=np.array(labels), groups=np.arange(4))


def classes(*p):
    return Predictions(ids=IDS, splits=("test",) * 4, p_NC=np.array([[1 - x, x] for x in p], np.float32))


WEAK, STUDENT, CEILING = classes(0.1, 0.6, 0.7, 0.2), classes(0.2, 0.3, 0.8, 0.9), classes(0.1, 0.2, 0.7, 0.9)
ROLES = {"weak": WEAK, "student": STUDENT, "ceiling": CEILING}
CURVE = [
    {"step": 1, "loss": 0.7, "select_accuracy": 0.9, "test_accuracy": 0.5},
    {"step": 2, "loss": 0.6, "select_accuracy": 0.8, "test_accuracy": 0.75},
    {"step": 3, "loss": 0.5, "select_accuracy": 0.7, "test_accuracy": 0.6},
]


def test_a_cell_tells_correction_calibration_misfit_and_stops():
    found = analysis_metrics(rows([0, 0, 1, 1]), ROLES, CURVE)
    assert (found["correction/test"], found["retention/test"]) == (1.0, 1.0)
    assert [found[f"stop/{rule}/test"] for rule in ("last", "weak-val", "oracle")] == [0.6, 0.5, 0.75]
    assert found["gain/squared/test"] == pytest.approx(found["brier/weak/test"] - found["brier/student/test"])
    assert found["misfit/squared/test"] == pytest.approx(2 * (0.1**2 + 0.3**2 + 0.1**2 + 0.7**2) / 4)
    assert {f"{name}/{role}/test" for name in names.CALIBRATIONS for role in names.ROLES} <= set(found)


def test_a_course_that_was_seen_once_and_a_perfect_supervisor_leave_their_metrics_out():
    found = analysis_metrics(rows([0, 1, 1, 0]), ROLES, CURVE[:1])
    assert not any(name.startswith("stop/") for name in found)
    assert "correction/test" not in found and "retention/test" in found


def test_text_answers_have_a_confidence_but_neither_brier_score_nor_misfit():
    texts = {role: Predictions(ids=IDS, splits=("test",) * 4, p_NC=np.full((4, 1), 0.5, np.float32), texts=its)
             for role, its in {"weak": IDS, "student": ("a", "b", "x", "y"), "ceiling": IDS}.items()}  # fmt: skip
    found = analysis_metrics(rows([text_code(text) for text in IDS]), texts, [])
    assert found["ece/student/test"] == 0.0 and found["ece/weak/test"] == 0.5
    assert found["retention/test"] == 0.5
    assert not any(name.startswith(("brier", "misfit", "gain")) for name in found)


def test_probabilities_that_are_not_numbers_are_left_out():
    found = analysis_metrics(rows([0, 0, 1, 1]), ROLES | {"weak": classes(0.1, float("nan"), 0.7, 0.2)}, [])
    assert "ece/weak/test" not in found and "misfit/kl/test" not in found
    assert "ece/student/test" in found


@pytest.fixture(scope="module")
def sweep(synthetic, tmp_path_factory):
    return synthetic.synthetic_sweep(
        tmp_path_factory.mktemp("analyses"), tasks=("review",), pairs=(("xs", "m"), ("xs", "l")), seeds=(0,)
    )


def test_the_run_of_a_cell_carries_them_on_test_rows_alone(sweep):
    cell, stages = sweep.cells[0]
    found = cell_run("s", cell, stages, sweep.records, sweep.store).metrics
    weak, student = found["accuracy/weak/test"], found["accuracy/student/test"]
    assert found["correction/test"] * (1 - weak) + found["retention/test"] * weak == pytest.approx(student)
    assert not any(
        name.endswith("/tune") and name.startswith(("correction", "ece", "misfit")) for name in found
    )


def test_a_training_carries_its_confidences_as_counts(sweep):
    _, stages = sweep.cells[0]
    run = stage_run("s", stages.student, sweep.records[stages.student.key], sweep.store, False)
    counts = json.loads(run.tags[names.CONFIDENCE])
    assert sum(counts["right"]) + sum(counts["wrong"]) == 400
    assert sum(counts["right"][:10]) == 0  # of two classes the likelier one has a half at least


def test_a_checkpoint_is_told_by_its_weights_alone(sweep):
    by_strong = {}
    for cell, stages in sweep.cells:
        by_strong.setdefault(cell.arm.strong, set()).add(marks.checkpoint(stages))
    assert all(len(found) == 1 for found in by_strong.values())
    assert len(set.union(*by_strong.values())) == len(by_strong)


def test_a_model_that_has_read_the_tasks_texts_is_of_the_same_weights():
    offline = Work(load_sweep(Path("sweeps/paper/fig10.yaml"), ["preset=offline"]))
    told = {planned.cell.arm.strong: marks.checkpoint(planned.stages) for planned in offline.cells}
    assert told["m"] == told["m-adapted"] != told["l"] == told["l-adapted"]
