"""What is marked on cells, from records of a synthetic sweep."""

import pytest

from w2s_ray.tracking import marks


@pytest.fixture(scope="module")
def sweep(synthetic, tmp_path_factory):
    return synthetic.synthetic_sweep(
        tmp_path_factory.mktemp("marks"), tasks=("review",), pairs=(("xs", "m"),), seeds=(0,), control=True
    )


def faults(sweep, strong, metrics):
    cell, stages = next(each for each in sweep.cells if each[0].arm.strong == strong)
    return marks.cell_faults(cell, stages, sweep.records, sweep.store, metrics)


BELOW = {"accuracy/weak/test": 0.7, "accuracy/ceiling/test": 0.6}


def test_the_ceiling_of_a_control_may_lie_below_its_supervisor(sweep):
    assert any("ceiling below weak" in fault for fault in faults(sweep, "m", BELOW))
    assert not any("ceiling below weak" in fault for fault in faults(sweep, "l-scratch", BELOW))


def test_a_doubtful_pretraining_is_told_of_by_the_models_name_in_the_sweep(sweep):
    assert "m: zero-shot is low" in faults(sweep, "m", {})
    assert not any("zero-shot" in fault for fault in faults(sweep, "l-scratch", {}))


def test_a_pretraining_whose_record_is_gone_says_nothing(sweep):
    cell, stages = sweep.cells[0]
    records = {key: record for key, record in sweep.records.items() if record.kind != "pretrain"}
    assert not any(
        "zero-shot" in fault for fault in marks.cell_faults(cell, stages, records, sweep.store, {})
    )


def test_the_gate_of_a_supervisor_counts_select_and_tune_rows_together(sweep, monkeypatch):
    _, stages = sweep.cells[0]
    seen = []
    monkeypatch.setattr(
        marks.health,
        "supervisor_faults",
        lambda right, labels, classes: seen.append((len(right), classes)) or (),
    )
    marks.supervisor_faults(sweep.store, sweep.records[stages.weak.key], sweep.records[stages.split.key])
    assert seen == [(80 + 40, 2)]
