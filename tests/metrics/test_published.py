"""The paper's own numbers, read off its figure 12, through our aggregates."""

import numpy as np
import pytest

from tests.metrics.burns2023 import STRONGEST, WEAKEST
from w2s_ray.metrics.comparison import paired_tests
from w2s_ray.metrics.recovery import TaskMean, aggregates

NAIVE, CONFIDENCE = 1, 2


def tasks_of(rows, column):
    return [
        TaskMean(task=f"[{n}]", weak=row[0] / 100, student=row[column] / 100, ceiling=row[3] / 100)
        for n, row in enumerate(rows, start=1)
        if row[column] is not None
    ]


@pytest.mark.parametrize(("column", "median"), [(NAIVE, 0.276), (CONFIDENCE, 0.777)])
def test_medians_at_the_weakest_supervisor_are_those_of_the_paper(column, median):
    found = aggregates(tasks_of(WEAKEST, column))
    assert found.median == pytest.approx(median, abs=0.001)
    assert found.undefined == {}
    assert found.pooled == pytest.approx(found.ratio_of_means)


def test_at_the_strongest_supervisor_the_mean_of_ratios_is_below_zero_and_ours_are_not():
    tasks = tasks_of(STRONGEST, CONFIDENCE)
    ratios = [task.recovery.gain / task.recovery.gap for task in tasks]
    found = aggregates(tasks)
    assert np.mean(ratios) == pytest.approx(-0.162, abs=0.001)
    assert np.median(ratios) == pytest.approx(0.476, abs=0.001)
    assert len(found.undefined) == 12  # of 21 gaps, those under three points
    assert 0 < found.ratio_of_means < 1
    assert 0 < found.median < 1
    assert found.pooled is None  # the mean gap is under three points too


def test_the_confidence_loss_beats_naive_at_the_weakest_supervisor():
    naive, confident = (
        {task.task: task.student for task in tasks_of(WEAKEST, column)} for column in (NAIVE, CONFIDENCE)
    )
    found = paired_tests({task: confident[task] - naive[task] for task in confident})
    assert found.num_tasks == 21
    assert (found.wins, found.losses) == (15, 6)
    assert found.wilcoxon < 0.01
    assert found.worst[1] < -0.05
    assert found.detectable < found.mean
