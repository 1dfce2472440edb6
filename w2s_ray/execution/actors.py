"""Warm actors for small stages: leased, ended when idle, and never waited for while another one is free."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any, Protocol

from w2s_ray.execution.faults import ray_errors
from w2s_ray.execution.here import run_here
from w2s_ray.execution.orders import WorkerLost, is_oom
from w2s_ray.stages.run import Errand

IDLE_S = 30.0
Shape = tuple[float, float]  # CPUs and GPUs


class Warm(Protocol):
    """A process somewhere that computes one stage after the other."""

    async def ready(self) -> None: ...
    async def run(self, errand: Errand) -> None: ...
    def end(self) -> None: ...


class WarmActors:
    """The actors of one broker, by shape.

    Whoever finds none idle asks for a new one, and takes whichever is free first: on a cluster that is full, new
    ones come only when others end, so a stage must not be bound to the one that was asked for on its behalf.
    """

    def __init__(self, make: Callable[[Shape], Warm] | None = None, *, idle_s: float = IDLE_S) -> None:
        self._make = make or _RayActor
        self._idle_s = idle_s
        self._idle: dict[Shape, list[tuple[float, Warm]]] = {}
        self._waiting: dict[Shape, deque[asyncio.Future[Warm]]] = {}
        self._coming: dict[Shape, list[asyncio.Task[None]]] = {}
        self._num_gangs = 0
        self._reaper: asyncio.Task[None] | None = None

    @contextlib.asynccontextmanager
    async def lease(self, shape: Shape) -> AsyncIterator[Warm]:
        """An actor for one stage. One that is lost, interrupted or out of memory is not used again."""
        warm = await self._obtain(shape)
        try:
            yield warm
        except BaseException as error:
            if not isinstance(error, Exception) or isinstance(error, WorkerLost) or is_oom(error):
                warm.end()
            else:
                self._give_back(shape, warm)
            raise
        self._give_back(shape, warm)

    @contextlib.contextmanager
    def making_room(self) -> Any:
        """While something that is no actor asks for CPUs and GPUs, none is held by an idle one."""
        self._num_gangs += 1
        self._end_idle()
        try:
            yield
        finally:
            self._num_gangs -= 1

    async def _obtain(self, shape: Shape) -> Warm:
        if idle := self._idle.get(shape):
            return idle.pop()[1]
        self._end_idle()
        turn: asyncio.Future[Warm] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(shape, deque()).append(turn)
        self._coming.setdefault(shape, []).append(asyncio.ensure_future(self._bring(shape)))
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self._give_back(shape, turn.result())
            self._call_off(shape)
            raise

    async def _bring(self, shape: Shape) -> None:
        """Ask for an actor, and hand it to who waits longest once it is there."""
        warm = self._make(shape)
        this = asyncio.current_task()
        try:
            await warm.ready()
        except asyncio.CancelledError:
            warm.end()
            raise
        except Exception as error:
            self._coming[shape] = [task for task in self._coming[shape] if task is not this]
            if turn := self._next_waiting(shape):
                turn.set_exception(error)
            return
        self._coming[shape] = [task for task in self._coming[shape] if task is not this]
        self._give_back(shape, warm)

    def _give_back(self, shape: Shape, warm: Warm) -> None:
        if turn := self._next_waiting(shape):
            turn.set_result(warm)
            self._call_off(shape)
        elif self._is_crowded(shape):
            warm.end()
        else:
            self._idle.setdefault(shape, []).append((time.monotonic(), warm))
            if self._reaper is None or self._reaper.done():
                self._reaper = asyncio.ensure_future(self._reap())

    def _next_waiting(self, shape: Shape) -> asyncio.Future[Warm] | None:
        waiting = self._waiting.get(shape, deque())
        while waiting:
            if not (turn := waiting.popleft()).done():
                return turn
        return None

    def _num_waiting(self, shape: Shape) -> int:
        return sum(not turn.done() for turn in self._waiting.get(shape, ()))

    def _call_off(self, shape: Shape) -> None:
        """Of the actors that were asked for, keep as many as there are stages that wait for one."""
        coming = self._coming.get(shape, [])
        while len(coming) > self._num_waiting(shape):
            coming.pop().cancel()

    def _is_crowded(self, shape: Shape) -> bool:
        """Whether others may be waiting for what an idle actor of this shape would hold."""
        return self._num_gangs > 0 or any(
            self._num_waiting(other) for other in self._waiting if other != shape
        )

    def _end_idle(self) -> None:
        """Idle actors hold CPUs and GPUs that something else is about to ask for."""
        for idle in self._idle.values():
            while idle:
                idle.pop()[1].end()

    async def _reap(self) -> None:
        while any(self._idle.values()):
            await asyncio.sleep(self._idle_s / 4)
            horizon = time.monotonic() - self._idle_s
            for shape, idle in self._idle.items():
                for since, warm in idle:
                    if since < horizon:
                        warm.end()
                self._idle[shape] = [(since, warm) for since, warm in idle if since >= horizon]


class _RayActor:
    def __init__(self, shape: Shape) -> None:
        import ray

        cpus, gpus = shape
        options = {"num_cpus": cpus, "num_gpus": gpus, "max_restarts": 0, "scheduling_strategy": "DEFAULT"}
        self._actor: Any = ray.remote(WarmWorker).options(**options).remote(gpus)

    async def ready(self) -> None:
        with ray_errors():
            await self._actor.__ray_ready__.remote()

    async def run(self, errand: Errand) -> None:
        with ray_errors():
            await self._actor.run.remote(errand)

    def end(self) -> None:
        import ray

        ray.kill(self._actor)


class WarmWorker:
    """The actor's body: a process that stays alive, because importing torch takes longer than a small stage."""

    def __init__(self, gpus: float) -> None:
        import torch

        import w2s_ray.stages.finetune  # noqa: F401  warm: the first stage need not wait for it

        if 0 < gpus < 1 and torch.cuda.is_available():
            torch.cuda.set_per_process_memory_fraction(gpus)  # Ray's fractions are bookkeeping only

    def run(self, errand: Errand) -> None:
        """Compute one stage."""
        run_here(errand)
