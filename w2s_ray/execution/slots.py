"""Who may run now: gangs first, then the longest critical path, within what the cluster holds."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass

from w2s_ray.core.specs import Resources


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """How much the broker submits at once: what the cluster can hold, and what it may grow to."""

    cpus: float
    gpus: float = 0.0
    stages: int | None = None

    def holds(self, taken: Iterable[Resources], wanted: Resources) -> bool:
        """Whether `wanted` fits beside what is taken; alone, anything does."""
        taken = list(taken)
        cpus = sum(r.cpus * r.workers for r in taken) + wanted.cpus * wanted.workers
        gpus = sum(r.gpus * r.workers for r in taken) + wanted.gpus * wanted.workers
        few = self.stages is None or len(taken) < self.stages
        roomy = cpus <= self.cpus + 1e-9 and (not wanted.gpus or gpus <= self.gpus + 1e-9)
        return not taken or (few and roomy)


class Slots:
    """Turns to run. What waits first holds back only those behind it that want what it waits for.

    Stages that ask for the same are one queue, so that a decision looks at a few heads, however long the queues.
    """

    def __init__(self, capacity: Capacity) -> None:
        self._capacity = capacity
        self._queues: dict[Resources, list[tuple[float, int, asyncio.Future[None]]]] = {}
        self._running: dict[int, Resources] = {}
        self._tickets = itertools.count()

    @contextlib.asynccontextmanager
    async def slot(self, resources: Resources, rank: float) -> AsyncIterator[None]:
        """Wait for room, then hold it. Of equal requests the highest rank goes first."""
        ticket = next(self._tickets)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._queues.setdefault(resources, []), (-rank, ticket, turn))
        self._dispatch()
        try:
            await turn
            yield
        finally:
            turn.cancel()
            self._running.pop(ticket, None)
            self._dispatch()

    def resize(self, capacity: Capacity) -> None:
        """The cluster has grown or shrunk."""
        self._capacity = capacity
        self._dispatch()

    def _dispatch(self) -> None:
        while (resources := self._next()) is not None:
            _, ticket, turn = heapq.heappop(self._queues[resources])
            self._running[ticket] = resources
            turn.set_result(None)

    def _next(self) -> Resources | None:
        """The queue whose head may run; the room that those before it wait for is taken as theirs."""
        taken = list(self._running.values())
        for resources in self._heads():
            if self._capacity.holds(taken, resources):
                return resources
            taken.append(resources)
        return None

    def _heads(self) -> list[Resources]:
        for resources, queue in list(self._queues.items()):
            while queue and queue[0][2].done():  # nobody waits for it any more
                heapq.heappop(queue)
            if not queue:
                del self._queues[resources]
        return sorted(self._queues, key=lambda wanted: (wanted.workers == 1, self._queues[wanted][0][:2]))
