"""Turns to run: gangs first, nothing starves, and nothing waits for what it does not want."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from w2s_ray.core.specs import Resources
from w2s_ray.execution.slots import Capacity, Slots

CPU, GPU = Resources(cpus=1), Resources(cpus=1, gpus=1)


def order_of_turns(
    capacity: Capacity, wanted: Sequence[tuple[str, Resources, float]], *, seconds: float = 0.01
) -> list[str]:
    """The names in the order in which they got their turn; each holds its room for a moment."""
    turns: list[str] = []

    async def hold(slots: Slots, name: str, resources: Resources, rank: float) -> None:
        async with slots.slot(resources, rank):
            turns.append(name)
            await asyncio.sleep(0.01)

    async def body() -> None:
        slots = Slots(capacity)
        await asyncio.gather(*(hold(slots, *request) for request in wanted))

    asyncio.run(body())
    return turns


def test_what_needs_no_gpu_does_not_wait_behind_those_that_wait_for_one() -> None:
    wanted = [("first", GPU, 9.0), ("second", GPU, 8.0), ("split", CPU, 1.0)]
    assert order_of_turns(Capacity(cpus=8, gpus=1), wanted) == ["first", "split", "second"]


def test_what_passes_a_waiting_stage_leaves_it_its_cpus() -> None:
    wanted = [("first", GPU, 9.0), ("second", GPU, 8.0), ("split", CPU, 1.0)]
    assert order_of_turns(Capacity(cpus=2, gpus=1), wanted) == ["first", "second", "split"]


def test_a_request_larger_than_the_cluster_runs_alone() -> None:
    wanted = [("small", CPU, 9.0), ("huge", Resources(cpus=64), 1.0)]
    assert order_of_turns(Capacity(cpus=2), wanted) == ["small", "huge"]


def test_equal_requests_go_by_rank() -> None:
    wanted = [("now", CPU, 0.0), ("short", CPU, 1.0), ("long", CPU, 2.0)]
    assert order_of_turns(Capacity(cpus=1), wanted) == ["now", "long", "short"]


def test_a_turn_that_is_given_up_is_passed_on() -> None:
    async def body() -> None:
        slots = Slots(Capacity(cpus=1))

        async def hold() -> None:
            async with slots.slot(CPU, 0.0):
                await asyncio.sleep(60)

        running, waiting = asyncio.ensure_future(hold()), asyncio.ensure_future(hold())
        await asyncio.sleep(0)
        waiting.cancel()
        running.cancel()
        await asyncio.sleep(0)  # its turn is free now, and whoever had waited does not want it any more
        async with asyncio.timeout(1), slots.slot(CPU, 0.0):
            pass

    asyncio.run(body())
