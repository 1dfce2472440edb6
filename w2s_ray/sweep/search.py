"""Optuna, asked in batches and told in trial order, so that a rerun asks the same questions.

One study per pair by default; with one study for all, a trial spans all pairs, for a search over pairs would
only learn which pairs are easy. Nothing is stored: answers are replayed from the store of records.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from w2s_ray.core.errors import ConfigError
from w2s_ray.core.identity import derived_seed
from w2s_ray.core.specs import Arm
from w2s_ray.sweep.nouns import Search, Sweep, SweepPair
from w2s_ray.sweep.schema import SAMPLERS


@dataclass(frozen=True, kw_only=True)
class Question:
    """One trial: the arms that answer it together, and its place in its study."""

    study: str
    number: int
    arms: tuple[Arm, ...]


class Questions(Protocol):
    """What a sweep asks, one after the other: a grid of arms, or the studies of a search."""

    @property
    def num_trials(self) -> int: ...
    @property
    def finished(self) -> bool: ...
    def next(self) -> Question | None: ...
    def tell(self, question: Question, value: float | None, *, pruned_at: int = 0) -> None: ...


class Grid:
    """Every arm once, in the order written; answers change nothing."""

    def __init__(self, arms: Sequence[Arm]) -> None:
        self._waiting = deque(Question(study="grid", number=i, arms=(arm,)) for i, arm in enumerate(arms))
        self.num_trials = len(arms)

    @property
    def finished(self) -> bool:
        return not self._waiting

    def next(self) -> Question | None:
        return self._waiting.popleft() if self._waiting else None

    def tell(self, question: Question, value: float | None, *, pruned_at: int = 0) -> None:
        """A grid does not learn."""


def questions_of(sweep: Sweep) -> Questions:
    """The grid or the studies that a sweep describes."""
    return Studies(sweep) if sweep.search else Grid(sweep.arms)


@dataclass(frozen=True, kw_only=True)
class _Answer:
    value: float | None
    pruned_at: int


@dataclass
class _Study:
    optuna: Any
    pairs: tuple[SweepPair, ...]
    asked: int = 0
    batch: dict[int, Any] = field(default_factory=dict)
    answers: dict[int, _Answer] = field(default_factory=dict)
    ready: deque[Question] = field(default_factory=deque)


class Studies:
    """All studies of a sweep, as a queue of questions."""

    def __init__(self, sweep: Sweep) -> None:
        assert sweep.search is not None
        self.search: Search = sweep.search
        self.studies = {
            name: _Study(_study(self.search, name), pairs) for name, pairs in groups(sweep).items()
        }

    @property
    def num_trials(self) -> int:
        return self.search.trials * len(self.studies)

    @property
    def finished(self) -> bool:
        """Whether every question has been asked."""
        return all(study.asked == self.search.trials and not study.ready for study in self.studies.values())

    def next(self) -> Question | None:
        """A question to work on, or None until answers come (or for good: see `finished`)."""
        for name, study in self.studies.items():
            if not study.ready and not study.batch:
                self._ask(name, study)
            if study.ready:
                return study.ready.popleft()
        return None

    def tell(self, question: Question, value: float | None, *, pruned_at: int = 0) -> None:
        """Take an answer. A batch is passed on when it is whole, in order.

        None is undefined or failed. The value of a trial that was pruned after `pruned_at` cells is one of that
        prefix, not to be compared with those of all cells: samplers are told so.
        """
        study = self.studies[question.study]
        study.answers[question.number] = _Answer(value=value, pruned_at=pruned_at)
        if len(study.answers) < len(study.batch):
            return
        for number in sorted(study.batch):
            _tell(study.optuna, study.batch[number], study.answers[number])
        study.batch, study.answers = {}, {}

    def _ask(self, name: str, study: _Study) -> None:
        for _ in range(min(self.search.batch, self.search.trials - study.asked)):
            trial = study.optuna.ask()
            method = study.pairs[0].space.suggest(trial)
            arms = tuple(Arm(weak=pair.weak, strong=pair.strong, method=method) for pair in study.pairs)
            study.batch[trial.number] = trial
            study.ready.append(Question(study=name, number=trial.number, arms=arms))
            study.asked += 1


def _tell(study: Any, trial: Any, answer: _Answer) -> None:
    from optuna.trial import TrialState

    if answer.value is None:
        study.tell(trial, state=TrialState.FAIL)
    elif answer.pruned_at:
        trial.report(answer.value, step=answer.pruned_at)
        study.tell(trial, state=TrialState.PRUNED)
    else:
        study.tell(trial, answer.value)


def groups(sweep: Sweep) -> dict[str, tuple[SweepPair, ...]]:
    """The pairs that share a study."""
    assert sweep.search is not None
    if sweep.search.study == "all":
        return {"all": sweep.pairs}
    return {f"{pair.weak} → {pair.strong}": (pair,) for pair in sweep.pairs}


def _study(search: Search, name: str) -> Any:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(direction="maximize", sampler=sampler(search, name))


def sampler(search: Search, name: str) -> Any:
    """Optuna's sampler by the sweep's name for it, seeded for one study; ConfigError where its options are wrong."""
    import inspect
    import warnings

    import optuna

    kind = getattr(optuna.samplers, SAMPLERS[search.sampler])
    options = dict(search.options)
    known = inspect.signature(kind.__init__).parameters
    if "seed" in known:
        options.setdefault("seed", derived_seed(search.seed, name))
    if search.sampler == "tpe":
        options.setdefault("constant_liar", True)  # a batch would otherwise ask one question many times
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        try:
            return kind(**options)
        except TypeError as error:
            raise ConfigError(f"search.options of {search.sampler}: {error}") from None
