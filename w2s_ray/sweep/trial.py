"""What Ray Tune runs: one light trial per question. It holds no CPU, asks the broker once per arm, and waits.

The broker may die while it is asked; Ray restarts it, the driver tells it the plan, and the question is asked
again: what is finished comes back from the store.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from w2s_ray.execution.orders import CellResult
from w2s_ray.sweep.objective import Objective

BROKER_AWAY_S = 2.0
BROKER_LOST_S = 600.0


@dataclass(frozen=True, kw_only=True)
class AskedArm:
    """An arm as a trial knows it: the broker's name for it, and which of its cells count for the objective."""

    name: str
    counts: tuple[bool, ...]


def run_question(arms: Iterable[AskedArm], broker: str) -> Iterator[Objective]:
    """The running objective after each cell of a question's arms."""
    objective = Objective()
    for arm in arms:
        for result in ask_broker(broker, arm):
            objective.add(result, counts=arm.counts[result.index])
            yield objective


def ask_broker(name: str, arm: AskedArm) -> Iterator[CellResult]:
    """An arm's cells in canonical order, each once, whatever happens to the broker meanwhile."""
    import ray
    from ray.exceptions import RayError, RayTaskError

    from w2s_ray.execution.service import find_broker

    seen, away_since = 0, None
    while seen < len(arm.counts):
        try:
            broker = find_broker(name)
            ray.get(broker.process.remote())
            away_since = None
            for reference in broker.cells.options(num_returns="streaming").remote(arm.name):
                result: CellResult = ray.get(reference)
                if result.index >= seen:
                    seen = result.index + 1
                    yield result
        except RayTaskError:  # the broker's own mistake: asking again would not help
            raise
        except (RayError, ValueError) as error:
            away_since = away_since or time.monotonic()
            if time.monotonic() - away_since > BROKER_LOST_S:
                raise TimeoutError(f"the broker {name} did not come back") from error
            time.sleep(BROKER_AWAY_S)


def trainable(config: dict[str, Any], *, broker: str) -> None:
    """The function that Ray Tune calls; `config["arms"]` are the question's arms."""
    from ray import tune

    for objective in run_question(config["arms"], broker):
        tune.report(dict(objective.report()))
