"""What the backends share: the work, the questions that are asked of it, and the recorder that follows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from w2s_ray.core.graph import closure
from w2s_ray.core.record import Record
from w2s_ray.execution.orders import CellResult
from w2s_ray.store import Store
from w2s_ray.sweep.nouns import ROLES, Sweep
from w2s_ray.sweep.objective import Objective
from w2s_ray.sweep.recorder import Recorder
from w2s_ray.sweep.search import Question, Questions
from w2s_ray.sweep.work import Work, roles_of

Progress = Callable[[Recorder], None]


class Session:
    """Asks one question after the other, and answers from the store as far as that goes."""

    def __init__(self, work: Work, questions: Questions, recorder: Recorder, progress: Progress) -> None:
        self.work = work
        self.questions = questions
        self.recorder = recorder
        self.progress = progress
        self._known = set(work.arms)
        self._pending: Question | None = None

    def __reduce__(self) -> Any:
        """Ray Tune pickles its searcher into its own experiment state; a session does not travel."""
        return (str, ("a session stays in its process",))

    @property
    def sweep(self) -> Sweep:
        return self.work.sweep

    @property
    def finished(self) -> bool:
        """Whether every question has been asked."""
        return self._pending is None and self.questions.finished

    def next(self) -> Question | None:
        """The next question, with its arms taken into the work; None until answers come, or for good."""
        question, self._pending = self._pending or self.questions.next(), None
        if question is not None:
            new = [name for name in self.work.add(question.arms) if name not in self._known]
            if new:
                self._known.update(new)
                self.recorder.extend(new)
        return question

    def replay(self) -> None:
        """Answer from the store until a question needs something computed; that one is kept for a backend."""
        while (question := self.next()) is not None:
            records = self._records(question)
            if records is None:
                self._pending = question
                return
            self.questions.tell(question, self._answer(question, records))

    def _records(self, question: Question) -> dict[str, Record] | None:
        """Every record that a question's cells need, or None where one is missing."""
        cells = [cell for arm in self.work.add(question.arms) for cell in self.work.arms[arm]]
        keys = {stage.key for stage in closure(stage for cell in cells for stage in roles_of(cell.stages))}
        records = Store(self.work.store).find_all(keys)
        return records if len(records) == len(keys) else None

    def _answer(self, question: Question, records: Mapping[str, Record]) -> float | None:
        objective = Objective()
        for arm in self.work.add(question.arms):
            cells = zip(self.work.arms[arm], self.work.counts(arm), strict=True)
            for index, (cell, counts) in enumerate(cells):
                stages = zip(ROLES, roles_of(cell.stages), strict=True)
                metrics: dict[str, dict[str, float]] = {
                    role: dict(records[stage.key].metrics) for role, stage in stages
                }
                objective.add(CellResult(index=index, metrics=metrics), counts=counts)
        return objective.value
