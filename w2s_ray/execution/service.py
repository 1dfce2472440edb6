"""The broker as a Ray actor, and how a driver or a trial finds it.

One per sweep, named, on the head node, restarted by Ray when it dies. It then knows nothing but its store: the
driver, which sees a new incarnation, says the plan again, and each trial repeats its one streaming call per arm;
what is finished is in the store, what was running has leases of the dead.
"""

from __future__ import annotations

import asyncio
import logging
import os
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from w2s_ray.core.graph import CellStages
from w2s_ray.execution.broker import Broker
from w2s_ray.execution.launch import RayLauncher
from w2s_ray.execution.orders import CellResult, Event, Order
from w2s_ray.execution.slots import Capacity
from w2s_ray.store import Store

log = logging.getLogger(__name__)
NAMESPACE = "w2s"
ON_HEAD = {"node:__internal_head__": 0.001}  # exists on every cluster
AHEAD = 16.0  # stages (of one CPU or GPU) to ask a growing cluster for, at least
WATCH_S = 10.0
MAX_CALLS = 100_000  # an async actor's default of 1,000 would leave later calls unserved


class BrokerService:
    """The actor's body; every method is a thin call into `Broker`, which needs a running event loop."""

    def __init__(self, store_url: str, num_stages: int | None, grows: bool, retries: int) -> None:
        self._arguments = (store_url, num_stages, grows, retries)
        self._broker: Broker | None = None
        self._watch: asyncio.Task[None] | None = None
        self.incarnation = uuid.uuid4().hex

    def _get(self) -> Broker:
        if self._broker is None:
            store_url, num_stages, grows, retries = self._arguments
            capacity = cluster_capacity(num_stages=num_stages, grows=grows)
            self._broker = Broker(Store(store_url), RayLauncher(), capacity, retries=retries)
            if grows:
                self._watch = asyncio.ensure_future(watch_cluster(self._broker, num_stages))
        return self._broker

    async def plan(self, orders: Sequence[Order], arms: Mapping[str, tuple[CellStages, ...]]) -> None:
        """Take note of arms and begin to compute them."""
        self._get().plan(orders, arms)
        for arm in arms:
            self._get().start(arm)

    async def cells(self, arm: str) -> AsyncIterator[CellResult]:
        async for result in self._get().cells(arm):
            yield result

    async def release(self, arm: str) -> None:
        self._get().release(arm)

    async def events_after(self, number: int) -> tuple[str, list[Event]]:
        """This incarnation's name, and its events from `number` on."""
        return self.incarnation, await self._get().events_after(number)

    async def process(self) -> int:
        """The process id, for whoever has to kill it."""
        return os.getpid()

    async def close(self) -> None:
        self._get().close()


def cluster_capacity(*, num_stages: int | None = None, grows: bool = False) -> Capacity:
    """What this cluster holds now; where it may grow, twice that and at least `AHEAD`, so that the autoscaler
    sees what is needed without being flooded."""
    import ray

    total = ray.cluster_resources()
    cpus, gpus = float(total.get("CPU", 1)), float(total.get("GPU", 0))
    if grows:
        cpus, gpus = max(2 * cpus, AHEAD), max(2 * gpus, AHEAD)
    return Capacity(cpus=cpus, gpus=gpus, stages=num_stages)


async def watch_cluster(broker: Broker, num_stages: int | None) -> None:
    """Follow a cluster that grows and shrinks."""
    while True:
        await asyncio.sleep(WATCH_S)
        try:
            broker.resize(cluster_capacity(num_stages=num_stages, grows=True))
        except Exception as error:  # the head is busy or away; the next look tells more
            log.warning("cannot see the cluster: %s", error)


def start_broker(
    name: str, store_url: str, *, num_stages: int | None = None, grows: bool = False, retries: int = 2
) -> Any:
    """Start (or find) the broker of a sweep in this Ray job.

    `num_stages` bounds how many stages run at once; `grows` says that the cluster may become larger.
    """
    import ray

    actor = ray.remote(BrokerService).options(
        name=name,
        namespace=NAMESPACE,
        get_if_exists=True,
        num_cpus=0,
        resources=ON_HEAD,
        max_restarts=-1,
        max_task_retries=0,
        max_concurrency=MAX_CALLS,
    )
    return actor.remote(store_url, num_stages, grows, retries)


def find_broker(name: str) -> Any:
    """The handle of a sweep's broker; ValueError where there is none."""
    import ray

    return ray.get_actor(name, namespace=NAMESPACE)
