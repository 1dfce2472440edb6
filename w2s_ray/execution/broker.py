"""The broker: each stage once, as soon as its own inputs exist.

Single flight by identity, a ready queue with the longest critical path first (`slots.py`), no barrier between
phases, retries, failure isolation, and leases against other sweeps. It knows neither Ray nor threads: a `Launch`
computes a stage somewhere, and the broker awaits it. It may die: everything it knows is in the store, in the
leases, or is said again by the driver.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

from w2s_ray.core.errors import ConfigError, StageFailed, TrainingDiverged, W2SError
from w2s_ray.core.graph import CellStages, Stage, closure
from w2s_ray.core.record import Record
from w2s_ray.execution.orders import (
    CellResult,
    Event,
    Launch,
    Order,
    WorkerLost,
    critical_paths,
    is_oom,
    smaller,
)
from w2s_ray.execution.slots import Capacity, Slots
from w2s_ray.stages.run import InputLost
from w2s_ray.store import Leases, Store

log = logging.getLogger(__name__)
FINAL = (ConfigError, TrainingDiverged)  # the same would happen again
LEASE_POLL_S = 2.0
MAX_LOSSES = 20  # of workers and nodes, which is nobody's fault, for one stage
MAX_REPAIRS = 3  # of one stage's inputs: a disk that damages all it is given is not worth more
LONGEST_PAUSE = 4**3  # between two tries, in units of the first pause


class Broker:
    """Computes stages for whoever asks; runs in one event loop and needs no lock."""

    def __init__(
        self,
        store: Store,
        launch: Launch,
        capacity: Capacity,
        *,
        retries: int = 2,
        pause_s: float = 0.5,
        lease_poll_s: float = LEASE_POLL_S,
    ) -> None:
        self._store = store
        self._launch = launch
        self._slots = Slots(capacity)
        self._retries = retries
        self._pause_s = pause_s
        self._lease_poll_s = lease_poll_s
        self._leases = Leases(store.backend)
        self._orders: dict[str, Order] = {}
        self._ranks: dict[str, float] = {}
        self._flights: dict[str, asyncio.Task[Record]] = {}
        self._wanted: dict[str, set[str]] = {}
        self._arms: dict[str, tuple[CellStages, ...]] = {}
        self._arrived = asyncio.Event()
        self._started: dict[str, list[asyncio.Task[CellResult]]] = {}
        self._begun: set[str] = set()
        self._closed = False
        self._changed = asyncio.Condition()
        self.events: list[Event] = []

    def plan(self, orders: Sequence[Order], arms: Mapping[str, tuple[CellStages, ...]]) -> None:
        """Take note of how stages run, and of each arm's cells in canonical order; may be said again."""
        if self._closed:
            return
        new = {order.errand.stage.identity: order for order in orders} | self._orders
        if len(new) > len(self._orders):
            self._orders = new
            self._ranks = critical_paths([order.errand.stage for order in new.values()], new)
        for arm, cells in arms.items():
            self._arms[arm] = cells
            for stage in closure(_roles(cells)):
                self._wanted.setdefault(stage.identity, set()).add(arm)
        self._arrived.set()
        self._arrived = asyncio.Event()

    def start(self, arm: str) -> None:
        """Begin to compute an arm, whether or not anybody listens yet."""
        if arm not in self._started and not self._closed:
            cells = enumerate(self._arms[arm])
            self._started[arm] = [asyncio.ensure_future(self._cell(index, cell)) for index, cell in cells]

    async def cells(self, arm: str) -> AsyncIterator[CellResult]:
        """Compute an arm; its cells come in canonical order, each as soon as it and those before it are there.

        An arm that nobody has planned yet is waited for. Where it is released meanwhile, the cells end early.
        """
        while arm not in self._arms:
            await self._arrived.wait()
        self.start(arm)
        for task in self._started.get(arm, ()):
            await asyncio.wait([task])
            if task.cancelled():
                return
            yield task.result()

    def release(self, arm: str) -> None:
        """Nobody waits for an arm any more: drop what no other arm needs and what has not begun."""
        for task in self._started.pop(arm, []):
            task.cancel()
        for stage in closure(_roles(self._arms.pop(arm, ()))):
            waiting = self._wanted.get(stage.identity, set())
            waiting.discard(arm)
            flight = self._flights.get(stage.identity)
            if not waiting and flight is not None and not flight.done() and stage.key not in self._begun:
                flight.cancel()
                del self._flights[stage.identity]

    async def ensure(self, stage: Stage) -> Record:
        """The record of a stage, computed now if need be; raises StageFailed with the cause."""
        flight = self._flights.get(stage.identity)
        if flight is None:
            flight = asyncio.ensure_future(self._obtain(stage))
            flight.add_done_callback(_retrieved)
            self._flights[stage.identity] = flight
        return await asyncio.shield(flight)

    async def events_after(self, number: int, *, timeout_s: float = 1.0) -> list[Event]:
        """Events from `number` on, waiting a little for the first."""
        async with self._changed:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait_for(lambda: len(self.events) > number), timeout_s)
        return self.events[number:]

    def resize(self, capacity: Capacity) -> None:
        """The cluster has grown or shrunk."""
        self._slots.resize(capacity)

    def close(self) -> None:
        """Begin nothing more and give all leases back; running work is the launcher's to end."""
        self._closed = True
        for task in [task for tasks in self._started.values() for task in tasks]:
            task.cancel()
        for flight in self._flights.values():
            flight.cancel()
        self._leases.close()

    async def _cell(self, index: int, cell: CellStages) -> CellResult:
        roles = {"weak": cell.weak, "student": cell.student, "ceiling": cell.ceiling}
        results = await asyncio.gather(*map(self.ensure, roles.values()), return_exceptions=True)
        metrics = {}
        for role, result in zip(roles, results, strict=True):
            if isinstance(result, BaseException):
                return CellResult(index=index, error=str(result) or type(result).__name__)
            metrics[role] = dict(result.metrics)
        return CellResult(index=index, metrics=metrics)

    async def _obtain(self, stage: Stage) -> Record:
        try:  # on a thread: thousands of arms start at once, and a bucket answers in milliseconds
            record = await asyncio.to_thread(self._store.find, stage.key)
        except Exception as error:
            raise await self._failure(stage, error) from error
        if record is not None:
            return await self._reused(record)
        await self._inputs(stage)
        return await self._compute(stage)

    async def _inputs(self, stage: Stage) -> None:
        results = await asyncio.gather(*map(self.ensure, stage.inputs.values()), return_exceptions=True)
        for role, result in zip(stage.inputs, results, strict=True):
            if isinstance(result, BaseException):
                await self._emit("failed", stage.key, cause=f"its {role} failed")
                root = result.key if isinstance(result, StageFailed) else stage.inputs[role].key
                cause = result.cause if isinstance(result, StageFailed) else repr(result)
                raise StageFailed(root, cause)

    async def _compute(self, stage: Stage) -> Record:
        order = self._orders[stage.identity]
        attempts = losses = repairs = 0
        while True:
            try:
                record = await self._run(order)
                if record is not None:
                    return record
                await asyncio.sleep(self._lease_poll_s)  # somebody else is at it: wait without a slot
            except InputLost as error:
                await self._retry(stage, error, repairs, MAX_REPAIRS)
                repairs += 1
                await self._repair(stage, error.key)
            except WorkerLost as error:
                await self._retry(stage, error, losses, MAX_LOSSES)
                order, losses = smaller(order) if is_oom(error) else order, losses + 1
            except Exception as error:
                await self._retry(stage, error, attempts, self._retries)
                order, attempts = smaller(order) if is_oom(error) else order, attempts + 1

    async def _run(self, order: Order) -> Record | None:
        """Compute a stage when there is room, or read what somebody else has done; None while they are at it."""
        stage = order.errand.stage
        async with self._slots.slot(order.resources, self._ranks.get(stage.identity, 0.0)):
            if not self._leases.acquire(stage.key):
                record = self._store.find(stage.key)
                return await self._reused(record) if record else None
            try:
                if (record := self._store.find(stage.key)) is not None:
                    return await self._reused(record)
                return await self._launched(order)
            finally:
                self._leases.release(stage.key)

    async def _launched(self, order: Order) -> Record:
        stage = order.errand.stage
        self._begun.add(stage.key)
        await self._emit("begun", stage.key)
        started = time.monotonic()
        await self._launch(order)
        record = self._store.find(stage.key)
        if record is None:
            raise RuntimeError("the worker ended without leaving a record")
        await self._emit("done", stage.key, seconds=time.monotonic() - started)
        return record

    async def _retry(self, stage: Stage, error: Exception, before: int, most: int) -> None:
        """Return, after a pause, to try again; raise StageFailed where that cannot help or was tried enough."""
        if isinstance(error, FINAL) or before >= most:
            raise await self._failure(stage, error) from error
        log.warning("retry %s: %s", stage.key, _cause(error))
        await self._emit("retried", stage.key, cause=_cause(error))
        if not isinstance(error, InputLost):
            await asyncio.sleep(self._pause_s * min(4**before, LONGEST_PAUSE))

    async def _failure(self, stage: Stage, error: Exception) -> StageFailed:
        log.error("failed %s: %s", stage.key, _cause(error))
        await self._emit("failed", stage.key, cause=_cause(error))
        return StageFailed(stage.key, _cause(error))

    async def _repair(self, stage: Stage, key: str) -> None:
        """Have a lost input again. Others may have lost the same one: whose flight is under way is joined."""
        for source in stage.inputs.values():
            flight = self._flights.get(source.identity)
            if source.key == key and flight is not None and flight.done():
                del self._flights[source.identity]
        await self._inputs(stage)

    async def _reused(self, record: Record) -> Record:
        await self._emit("reused", record.key)
        return record

    async def _emit(self, kind: str, key: str, *, seconds: float = 0.0, cause: str = "") -> None:
        number = len(self.events)
        self.events.append(
            Event(number=number, kind=kind, key=key, at=time.time(), seconds=seconds, cause=cause)
        )
        async with self._changed:
            self._changed.notify_all()


def _cause(error: Exception) -> str:
    return str(error) if isinstance(error, W2SError) else f"{type(error).__name__}: {error}"


def _roles(cells: Iterable[CellStages]) -> list[Stage]:
    return [stage for cell in cells for stage in (cell.weak, cell.student, cell.ceiling)]


def _retrieved(flight: asyncio.Task[Record]) -> None:
    """Nobody may be waiting for a failed stage any more; its failure is in the events."""
    if not flight.cancelled():
        flight.exception()
