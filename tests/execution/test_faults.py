"""Ray's errors, told as what happened."""

from __future__ import annotations

import pytest

from w2s_ray.core.errors import TrainingDiverged
from w2s_ray.execution.faults import gist, meaning
from w2s_ray.execution.orders import WorkerLost, is_oom

pytestmark = pytest.mark.ray  # imports it; nothing is started


class GangFailed(Exception):
    """As Ray Train reports it."""

    def __init__(self, failures: dict[int, Exception]) -> None:
        super().__init__("the worker group failed")
        self.worker_failures = failures


def test_a_lost_process_or_node_is_a_lost_worker() -> None:
    from ray.exceptions import ActorDiedError, NodeDiedError, WorkerCrashedError

    for error in (ActorDiedError(), NodeDiedError("gone"), WorkerCrashedError()):
        assert isinstance(meaning(error), WorkerLost)


def test_a_gang_that_lost_a_worker_has_lost_a_worker_whatever_the_others_say() -> None:
    from ray.exceptions import ActorDiedError

    found = meaning(GangFailed({0: RuntimeError("Connection closed by peer"), 1: ActorDiedError()}))
    assert isinstance(found, WorkerLost)


def test_of_a_gang_the_worker_that_knows_most_is_believed() -> None:
    peer = RuntimeError("Connection closed by peer")
    diverged, memory = TrainingDiverged("nan at step 3"), RuntimeError("CUDA out of memory")
    assert meaning(GangFailed({0: peer, 1: memory})) is memory
    assert meaning(GangFailed({0: peer, 1: memory, 2: diverged})) is diverged


def test_a_long_message_keeps_the_line_that_speaks_of_memory() -> None:
    error = RuntimeError("The actor died.\n\tpid: 7\nkilled: the node is running low on memory\nsee the logs")
    assert is_oom(WorkerLost(gist(error)))
    assert gist(RuntimeError("")) == "RuntimeError"
