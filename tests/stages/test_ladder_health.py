"""A rung of the ladder says on which tasks it does not hold what it should."""

from w2s_ray.models.tiny import TINY
from w2s_ray.stages.pretrain import GENRES, TASKS, zero_shot_faults


def test_a_rung_that_holds_its_concepts_has_no_fault():
    assert zero_shot_faults({"review": 0.95, "agree": 1.0, "board": 0.2}, TINY["m"].zero_shot) == {}
    assert zero_shot_faults(dict.fromkeys(GENRES, 0.5), TINY["xs"].zero_shot) == {}


def test_a_missing_concept_is_told_on_every_task_that_rests_on_it():
    faults = zero_shot_faults({"review": 0.91, "agree": 1.0, "board": 0.99}, TINY["l"].zero_shot)
    assert set(faults) == {"review", "pref"}
    assert faults["pref"] == [
        "zero-shot review 0.910 is below 0.95: the ladder's rung does not hold the concept; "
        "choose another pretrain_seed"
    ]
    assert set(TASKS) == set(GENRES)
