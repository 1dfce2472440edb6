"""What Ray Tune runs: one light trial per question. It holds no CPU, asks the broker once per arm, and waits.

The broker may die while it is asked; Ray restarts it, and the question is asked again: what is finished comes
back from the store.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from w2s_ray.core.graph import closure
from w2s_ray.execution.broker import CellResult
from w2s_ray.sweep.objective import Objective
from w2s_ray.sweep.search import Question
from w2s_ray.sweep.work import Work

BROKER_AWAY_S = 2.0
BROKER_LOST_S = 600.0


def run_question(question: Question, work: Work, broker: str) -> Iterator[Objective]:
    """The running objective after each cell of a question's arms."""
    objective = Objective()
    for arm in work.add(question.arms):
        cells = work.arms[arm]
        for result in ask_broker(broker, work, arm):
            role = work.sweep.tasks[cells[result.index].cell.task].role
            objective.add(result, counts=role == "dev")
            yield objective


def ask_broker(name: str, work: Work, arm: str) -> Iterator[CellResult]:
    """An arm's cells in canonical order, each once, whatever happens to the broker meanwhile."""
    import ray
    from ray.exceptions import ActorDiedError, ActorUnavailableError, RayActorError

    from w2s_ray.execution.service import find_broker

    stages = [stage for planned in work.arms[arm] for stage in vars(planned.stages).values()]
    seen = 0
    deadline = time.monotonic() + BROKER_LOST_S
    while True:
        try:
            broker = find_broker(name)
            ray.get(broker.plan.remote(work.orders(closure(stages)), work.cell_stages([arm])))
            for reference in broker.cells.options(num_returns="streaming").remote(arm):
                result: CellResult = ray.get(reference)
                if result.index >= seen:
                    seen = result.index + 1
                    yield result
            return
        except (ActorDiedError, ActorUnavailableError, RayActorError, ValueError) as error:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the broker {name} did not come back") from error
            time.sleep(BROKER_AWAY_S)


def trainable(config: dict[str, Any], *, work: Work, broker: str) -> None:
    """The function that Ray Tune calls; `config["question"]` is a Question."""
    from ray import tune

    for objective in run_question(config["question"], work, broker):
        tune.report(dict(objective.report()))
