"""The broker: each stage once, as soon as its own inputs exist.

Single flight by identity, a ready queue with the longest critical path first, no barrier between phases,
retries, failure isolation, and leases against other sweeps. It knows neither Ray nor threads: a `Launch`
computes a stage somewhere, and the broker awaits it. It may die: everything it knows is in the store, in the
leases, or is said again by whoever asks.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from w2s_ray.core.errors import ConfigError, StageFailed, TrainingDiverged, W2SError
from w2s_ray.core.graph import CellStages, Stage, closure
from w2s_ray.core.record import Record
from w2s_ray.core.specs import Layout, Resources
from w2s_ray.stages.run import Errand, InputLost
from w2s_ray.store import Leases, Store

log = logging.getLogger(__name__)
FINAL = (ConfigError, TrainingDiverged)  # the same would happen again
OOM_SIGNS = ("out of memory", "OutOfMemory", "Cannot allocate memory")
LEASE_POLL_S = 2.0
MAX_LOSSES = 20  # of workers and nodes, which is nobody's fault, for one stage


class WorkerLost(Exception):
    """The process or node that computed a stage is gone; the stage is tried again elsewhere."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """A stage with what it takes to run it: the errand, what it asks of the cluster, and a guess of its length."""

    errand: Errand
    resources: Resources
    seconds: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened to a stage: `begun`, `reused`, `done`, `retried` or `failed`."""

    number: int
    kind: str
    key: str
    at: float
    seconds: float = 0.0
    cause: str = ""


@dataclass(frozen=True, kw_only=True)
class CellResult:
    """A finished cell, by its place in the arm's canonical order: its roles' headline metrics, or why not."""

    index: int
    metrics: dict[str, dict[str, float]] = field(default_factory=dict)
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """How much the broker submits at once: what the cluster can hold, and what it may grow to."""

    cpus: float
    gpus: float = 0.0
    stages: int | None = None

    def holds(self, running: Iterable[Resources], wanted: Resources) -> bool:
        """Whether `wanted` fits beside what runs."""
        running = list(running)
        cpus = sum(r.cpus * r.workers for r in running) + wanted.cpus * wanted.workers
        gpus = sum(r.gpus * r.workers for r in running) + wanted.gpus * wanted.workers
        few = self.stages is None or len(running) < self.stages
        return not running or (few and cpus <= self.cpus + 1e-9 and gpus <= self.gpus + 1e-9)


Launch = Callable[[Order], Awaitable[None]]


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
        self.capacity = capacity
        self._retries = retries
        self._pause_s = pause_s
        self._lease_poll_s = lease_poll_s
        self._leases = Leases(store.backend)
        self._orders: dict[str, Order] = {}
        self._flights: dict[str, asyncio.Task[Record]] = {}
        self._wanted: dict[str, set[str]] = {}
        self._arms: dict[str, tuple[CellStages, ...]] = {}
        self._started: dict[str, list[asyncio.Task[CellResult]]] = {}
        self._begun: set[str] = set()
        self._ranks: dict[str, float] = {}
        self._ready: list[tuple[bool, float, int, Resources, asyncio.Future[None]]] = []
        self._running: dict[int, Resources] = {}
        self._tickets = itertools.count()
        self._changed = asyncio.Condition()
        self.events: list[Event] = []

    def plan(self, orders: Sequence[Order], arms: dict[str, tuple[CellStages, ...]]) -> None:
        """Take note of how stages run, and of each arm's cells in canonical order; may be said again."""
        self._orders |= {order.errand.stage.identity: order for order in orders}
        self._arms |= arms
        self._ranks = critical_paths([order.errand.stage for order in self._orders.values()], self._orders)
        for arm, cells in arms.items():
            for stage in closure(_roles(cells)):
                self._wanted.setdefault(stage.identity, set()).add(arm)

    def start(self, arm: str) -> None:
        """Begin to compute an arm, whether or not anybody listens yet."""
        if arm not in self._started:
            cells = enumerate(self._arms[arm])
            self._started[arm] = [asyncio.ensure_future(self._cell(index, cell)) for index, cell in cells]

    async def cells(self, arm: str) -> AsyncIterator[CellResult]:
        """Compute an arm; its cells come in canonical order, each as soon as it and those before it are there."""
        self.start(arm)
        for task in self._started[arm]:
            yield await asyncio.shield(task)

    def release(self, arm: str) -> None:
        """Nobody waits for an arm any more: drop what no other arm needs and what has not begun."""
        for task in self._started.pop(arm, []):
            task.cancel()
        for stage in closure(_roles(self._arms.get(arm, ()))):
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
        self.capacity = capacity
        self._dispatch()

    def close(self) -> None:
        """Give all leases back; running work is the launcher's to end."""
        for flight in self._flights.values():
            flight.cancel()
        self._leases.close()

    async def _cell(self, index: int, cell: CellStages) -> CellResult:
        roles = {"weak": cell.weak, "student": cell.student, "ceiling": cell.ceiling}
        results = await asyncio.gather(*map(self.ensure, roles.values()), return_exceptions=True)
        failures = [result for result in results if isinstance(result, BaseException)]
        if failures:
            return CellResult(index=index, error=str(failures[0]) or type(failures[0]).__name__)
        metrics = {role: dict(result.metrics) for role, result in zip(roles, results, strict=True)}  # type: ignore[union-attr]
        return CellResult(index=index, metrics=metrics)

    async def _obtain(self, stage: Stage) -> Record:
        record = self._store.find(stage.key)
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
        attempt = losses = 0
        while True:
            try:
                record = await self._run(order)
                if record is not None:
                    return record
                await asyncio.sleep(
                    self._lease_poll_s
                )  # somebody else computes it: wait without holding a slot
            except InputLost as lost:
                await self._recompute(stage, lost.key)
            except WorkerLost as error:
                losses += 1
                await self._judge(stage, error, self._retries if losses > MAX_LOSSES else 0)
            except Exception as error:
                await self._judge(stage, error, attempt)
                order, attempt = smaller(order) if is_oom(error) else order, attempt + 1

    async def _run(self, order: Order) -> Record | None:
        """Compute a stage when there is room, or read what somebody else has done; None while they are at it."""
        stage = order.errand.stage
        async with self._slot(stage, order.resources):
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

    async def _judge(self, stage: Stage, error: Exception, attempt: int) -> None:
        """Return to try again, or raise StageFailed where that cannot help."""
        cause = str(error) if isinstance(error, W2SError) else f"{type(error).__name__}: {error}"
        if isinstance(error, FINAL) or attempt >= self._retries:
            log.error("failed %s: %s", stage.key, cause)
            await self._emit("failed", stage.key, cause=cause)
            raise StageFailed(stage.key, cause) from error
        log.warning("retry %s: %s", stage.key, cause)
        await self._emit("retried", stage.key, cause=cause)
        await asyncio.sleep(self._pause_s * 4**attempt)

    async def _recompute(self, stage: Stage, key: str) -> None:
        lost = next(source for source in stage.inputs.values() if source.key == key)
        self._flights.pop(lost.identity, None)
        await self._emit("retried", stage.key, cause=f"{key} was set aside")
        await self.ensure(lost)

    async def _reused(self, record: Record) -> Record:
        await self._emit("reused", record.key)
        return record

    @contextlib.asynccontextmanager
    async def _slot(self, stage: Stage, resources: Resources) -> AsyncIterator[None]:
        """Wait for room; gangs first, then the longest critical path. A waiting gang holds back what is behind it."""
        ticket = next(self._tickets)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (resources.workers == 1, -self._ranks.get(stage.identity, 0.0), ticket, resources, turn)
        heapq.heappush(self._ready, entry)
        self._dispatch()
        try:
            await turn
            yield
        finally:
            turn.cancel()
            self._running.pop(ticket, None)
            self._dispatch()

    def _dispatch(self) -> None:
        while self._ready:
            _, _, ticket, resources, turn = self._ready[0]
            if turn.done():
                heapq.heappop(self._ready)
            elif self.capacity.holds(self._running.values(), resources):
                heapq.heappop(self._ready)
                self._running[ticket] = resources
                turn.set_result(None)
            else:
                return

    async def _emit(self, kind: str, key: str, *, seconds: float = 0.0, cause: str = "") -> None:
        event = Event(
            number=len(self.events), kind=kind, key=key, at=time.time(), seconds=seconds, cause=cause
        )
        self.events.append(event)
        async with self._changed:
            self._changed.notify_all()


def critical_paths(stages: Sequence[Stage], orders: dict[str, Order]) -> dict[str, float]:
    """Seconds from the start of each stage to the end of the longest chain that needs it."""
    paths: dict[str, float] = {}
    consumers: dict[str, list[Stage]] = {}
    ordered = closure(stages)
    for stage in ordered:
        for source in stage.inputs.values():
            consumers.setdefault(source.identity, []).append(stage)
    for stage in reversed(ordered):
        rest = max((paths[consumer.identity] for consumer in consumers.get(stage.identity, ())), default=0.0)
        own = orders[stage.identity].seconds if stage.identity in orders else 0.0
        paths[stage.identity] = own + rest
    return paths


def is_oom(error: BaseException) -> bool:
    """Whether a worker ran out of memory, of the host or of the device."""
    text = f"{type(error).__name__}: {error}"
    return isinstance(error, MemoryError) or any(sign in text for sign in OOM_SIGNS)


def smaller(order: Order) -> Order:
    """The same work in half the micro-batch: the global batch, and so the numbers, stay."""
    layout: Layout = order.errand.layout
    halved = replace(layout, micro_tokens=max(1, layout.micro_tokens // 2))
    return replace(order, errand=replace(order.errand, layout=halved))


def _roles(cells: Iterable[CellStages]) -> list[Stage]:
    return [stage for cell in cells for stage in (cell.weak, cell.student, cell.ceiling)]


def _retrieved(flight: asyncio.Task[Record]) -> None:
    """Nobody may be waiting for a failed stage any more; its failure is in the events."""
    if not flight.cancelled():
        flight.exception()
