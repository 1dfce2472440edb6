"""Searches ask the same questions again, whatever the order and the timing of the answers."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.sweep.small import write_sweep
from w2s_ray.core.errors import ConfigError
from w2s_ray.execution.orders import CellResult
from w2s_ray.sweep.config import load_sweep
from w2s_ray.sweep.nouns import Sweep
from w2s_ray.sweep.objective import Objective
from w2s_ray.sweep.search import Question, Studies, questions_of
from w2s_ray.sweep.session import Session
from w2s_ray.sweep.tuner import Trials
from w2s_ray.sweep.work import Work


def searching(folder: Path, *overrides: str) -> Sweep:
    file = write_sweep(folder, alpha="{low: 0.0, high: 1.0}", more="search: {trials: 12, batch: 4, seed: 3}")
    return load_sweep(file, overrides)


def value(question: Question) -> float:
    return float(question.arms[0].method.params.get("alpha", 0.3))


def asked(studies: Studies, *, reverse: bool) -> list[str]:
    """All questions, each batch answered forwards or backwards."""
    labels = []
    while not studies.finished:
        batch = []
        while (question := studies.next()) is not None:
            batch.append(question)
        labels += [question.arms[0].label for question in batch]
        for question in reversed(batch) if reverse else batch:
            studies.tell(question, value(question))
    return labels


@pytest.mark.parametrize("sampler", ["tpe", "random", "nsgaii"])
def test_the_order_of_answers_does_not_change_the_questions(tmp_path: Path, sampler: str) -> None:
    sweep = searching(tmp_path, f"search.sampler={sampler}")
    forwards, backwards = asked(Studies(sweep), reverse=False), asked(Studies(sweep), reverse=True)
    assert forwards == backwards
    assert len(forwards) == 12


def test_an_undefined_answer_is_told_as_failed_and_the_search_goes_on(tmp_path: Path) -> None:
    studies = Studies(searching(tmp_path))
    while not studies.finished:
        while (question := studies.next()) is not None:
            studies.tell(question, None)
    (study,) = studies.studies.values()
    assert {trial.state.name for trial in study.optuna.trials} == {"FAIL"}


def test_parameters_are_conditional_on_their_method(tmp_path: Path) -> None:
    studies = Studies(searching(tmp_path))
    asked(studies, reverse=False)
    (study,) = studies.studies.values()
    for trial in study.optuna.trials:
        assert ("confidence.alpha" in trial.params) == (trial.params["method"] == "confidence")


def test_one_study_for_all_asks_every_pair_the_same_method(tmp_path: Path) -> None:
    sweep = searching(tmp_path, "search.study=all", "models.m={source: tiny/m, pretrained: false}",
                      "pairs=[{weak: xs, strong: [s, m]}]")  # fmt: skip
    question = Studies(sweep).next()
    assert question is not None
    assert [arm.strong for arm in question.arms] == ["s", "m"]
    assert len({arm.method.label for arm in question.arms}) == 1


def test_a_wrong_option_of_a_sampler_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"search\.options of tpe.*flavour"):
        Studies(searching(tmp_path, "search.options={flavour: 3}"))


def test_a_grid_asks_each_arm_once(small: Path) -> None:
    grid = questions_of(load_sweep(small, []))
    labels = []
    while (question := grid.next()) is not None:
        labels.append(question.arms[0].method.name)
    assert labels == ["naive", "confidence"]
    assert grid.finished


def result(weak: float, student: float, ceiling: float, *, index: int = 0) -> CellResult:
    roles = {"weak": weak, "student": student, "ceiling": ceiling}
    return CellResult(index=index, metrics={role: {"accuracy/tune": value} for role, value in roles.items()})


def test_the_objective_is_a_ratio_of_sums_over_dev_tasks_only() -> None:
    objective = Objective()
    objective.add(result(0.6, 0.7, 0.8), counts=True)
    objective.add(result(0.5, 0.5, 0.9), counts=True)
    objective.add(result(0.0, 1.0, 1.0), counts=False)
    assert objective.value == pytest.approx(0.1 / 0.6)
    assert objective.report()["cells"] == 3


def test_the_objective_is_undefined_without_a_gap_or_with_a_failed_cell() -> None:
    flat, failed = Objective(), Objective()
    flat.add(result(0.8, 0.9, 0.8), counts=True)
    failed.add(CellResult(index=0, error="weak: out of memory"), counts=True)
    assert flat.value is None and failed.value is None
    assert flat.report() == {"objective": 0.0, "defined": False, "cells": 1}


def test_rows_to_choose_by_that_are_missing_leave_the_objective_undefined() -> None:
    objective = Objective()
    objective.add(CellResult(index=0, metrics={"weak": {}, "student": {}, "ceiling": {}}), counts=True)
    assert objective.value is None and objective.failures == ["no tune rows to choose by"]


def test_a_pruned_trial_is_told_as_pruned_and_not_as_if_it_had_seen_every_cell(tmp_path: Path) -> None:
    studies = Studies(searching(tmp_path, "search.trials=2", "search.batch=2"))
    whole, pruned = studies.next(), studies.next()
    assert whole is not None and pruned is not None
    studies.tell(pruned, 0.9, pruned_at=1)
    studies.tell(whole, 0.4)
    (study,) = studies.studies.values()
    assert [trial.state.name for trial in study.optuna.trials] == ["COMPLETE", "PRUNED"]
    assert study.optuna.best_value == 0.4


class FakeBroker:
    """Notes what a driver tells it, as `method.remote(…)`."""

    def __init__(self) -> None:
        self.planned: list[str] = []
        self.released: list[str] = []

    @property
    def plan(self) -> Any:
        return SimpleNamespace(remote=lambda orders, cells: self.planned.extend(cells))

    @property
    def release(self) -> Any:
        return SimpleNamespace(remote=self.released.append)


def trials_of(sweep: Sweep) -> tuple[Trials, FakeBroker, Session]:
    broker = FakeBroker()
    recorder = SimpleNamespace(extend=lambda arms: None)
    session = Session(Work(sweep), questions_of(sweep), recorder, lambda recorder: None)  # type: ignore[arg-type]
    return Trials(session, broker), broker, session


def test_the_driver_tells_the_broker_the_arms_of_every_question_and_takes_its_answer(tmp_path: Path) -> None:
    trials, broker, session = trials_of(searching(tmp_path, "search.trials=2", "search.batch=2"))
    asked = {name: trials.ask(name) for name in ("first", "second")}
    assert trials.ask("third") is None and session.finished
    for name, arms in asked.items():
        assert arms is not None
        assert arms[0].counts == (True, False)  # one seed of a dev and of a held-out task
        trials.take(name, {"objective": 0.5, "defined": True, "cells": 2})
        trials.take(name, None)  # said twice
    assert set(broker.planned) == {arm.name for arms in asked.values() for arm in arms or ()}
    assert broker.released == []


def test_a_pruned_arm_is_kept_while_another_trial_is_at_the_same_one(tmp_path: Path) -> None:
    options = ("search.trials=2", "search.batch=2", "methods=[naive]", "search.sampler=random")
    trials, broker, _ = trials_of(searching(tmp_path, *options))
    (first,), (second,) = trials.ask("first") or (), trials.ask("second") or ()
    assert first.name == second.name
    pruned = {"objective": 0.1, "defined": True, "cells": 1}
    trials.take("first", pruned)
    assert broker.released == []
    trials.take("second", pruned)
    assert broker.released == [first.name]


def test_a_failed_trial_is_an_undefined_answer_and_a_search_ends(tmp_path: Path) -> None:
    trials, _, session = trials_of(searching(tmp_path))
    number = 0
    while not session.finished:
        running = []
        while trials.ask(str(number)) is not None:
            running.append(str(number))
            number += 1
        for name in running:
            trials.take(name, None)
    assert number == session.questions.num_trials == 12
