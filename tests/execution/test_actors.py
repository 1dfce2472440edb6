"""Warm actors: leased, shared, ended; a stage takes whichever is free first."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from w2s_ray.execution.actors import Shape, WarmActors
from w2s_ray.execution.orders import WorkerLost
from w2s_ray.stages.run import Errand

ONE: Shape = (1.0, 0.0)
TWO: Shape = (2.0, 0.0)


class Cluster:
    """A cluster with room for so many CPUs: an actor is ready when there is room for it, and holds it to its end."""

    def __init__(self, cpus: float) -> None:
        self.free = cpus
        self.changed = asyncio.Condition()
        self.made: list[Actor] = []

    def make(self, shape: Shape) -> Actor:
        self.made.append(Actor(self, shape[0]))
        return self.made[-1]

    @property
    def alive(self) -> int:
        return sum(actor.holds > 0 for actor in self.made)


class Actor:
    def __init__(self, cluster: Cluster, cpus: float) -> None:
        self.cluster, self.cpus, self.holds, self.ended = cluster, cpus, 0.0, False

    async def ready(self) -> None:
        while self.cluster.free < self.cpus:
            await asyncio.sleep(0.001)
        self.cluster.free -= self.cpus
        self.holds = self.cpus

    async def run(self, errand: Errand) -> None:
        """Nothing: the tests hold a lease instead."""

    def end(self) -> None:
        self.cluster.free += self.holds
        self.holds, self.ended = 0.0, True


def on(cpus: float, body: Callable[[Cluster, WarmActors], Awaitable[None]]) -> Cluster:
    async def main() -> Cluster:
        cluster = Cluster(cpus)
        await asyncio.wait_for(body(cluster, WarmActors(cluster.make, idle_s=60)), 5)
        return cluster

    return asyncio.run(main())


async def stage(actors: WarmActors, shape: Shape = ONE, error: Exception | None = None) -> None:
    async with actors.lease(shape):
        await asyncio.sleep(0.001)
        if error:
            raise error


def test_on_a_full_cluster_stages_take_turns_on_the_actors_that_are_there() -> None:
    """Sixteen were asked for, two got room: the other fourteen stages once waited for idle ones to time out."""

    async def body(cluster: Cluster, actors: WarmActors) -> None:
        await asyncio.gather(*(stage(actors) for _ in range(16)))
        await asyncio.sleep(0.01)
        assert cluster.alive == 2

    cluster = on(2, body)
    assert sum(actor.ended for actor in cluster.made) == 14


def test_an_idle_actor_is_used_again() -> None:
    async def body(cluster: Cluster, actors: WarmActors) -> None:
        for _ in range(5):
            await stage(actors)

    assert len(on(2, body).made) == 1


def test_an_idle_actor_gives_way_to_another_shape_even_one_asked_for_before_it_was_idle() -> None:
    async def body(cluster: Cluster, actors: WarmActors) -> None:
        await asyncio.gather(stage(actors, ONE), stage(actors, TWO))

    on(2, body)


def test_while_a_gang_is_at_work_nothing_idles() -> None:
    async def body(cluster: Cluster, actors: WarmActors) -> None:
        await stage(actors)
        with actors.making_room():
            assert cluster.alive == 0
            await stage(actors)
            assert cluster.alive == 0

    on(2, body)


@pytest.mark.parametrize(
    ("error", "survives"),
    [
        (WorkerLost("gone"), False),
        (RuntimeError("CUDA out of memory"), False),
        (ValueError("bad rows"), True),
    ],
)
def test_an_actor_that_is_lost_or_out_of_memory_is_not_used_again(error: Exception, survives: bool) -> None:
    async def body(cluster: Cluster, actors: WarmActors) -> None:
        with pytest.raises(type(error)):
            await stage(actors, error=error)
        assert (cluster.alive == 1) == survives

    on(2, body)


def test_an_actor_that_cannot_start_fails_the_stage_that_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(self: Actor) -> None:
        raise RuntimeError("No module named 'torch'")

    monkeypatch.setattr(Actor, "ready", broken)

    async def body(cluster: Cluster, actors: WarmActors) -> None:
        with pytest.raises(RuntimeError, match="torch"):
            await stage(actors)

    on(2, body)


def test_a_stage_that_is_cancelled_while_it_waits_leaves_no_request_behind() -> None:
    async def body(cluster: Cluster, actors: WarmActors) -> None:
        waiting = asyncio.ensure_future(stage(actors))
        await asyncio.sleep(0.005)
        waiting.cancel()
        await asyncio.sleep(0.005)
        assert all(actor.ended for actor in cluster.made)

    on(0, body)
