"""A sweep in this process: no Ray, no Tune, one stage after the other. For tests, debuggers, small machines."""

from __future__ import annotations

import asyncio

from w2s_ray.execution.broker import Broker
from w2s_ray.execution.here import launch_here
from w2s_ray.execution.slots import Capacity
from w2s_ray.store import Store
from w2s_ray.sweep.objective import Objective
from w2s_ray.sweep.search import Question
from w2s_ray.sweep.session import Session


def run_local(session: Session) -> None:
    """Answer every question with a broker of this process's own."""
    asyncio.run(_run(session))


async def _run(session: Session) -> None:
    broker = Broker(Store(session.work.store), launch_here, Capacity(cpus=1, stages=1))
    follower = _Follower(session, broker)
    following = asyncio.ensure_future(follower.follow())
    try:
        while (question := session.next()) is not None:
            objective = await _answer(session, broker, question)
            session.questions.tell(question, objective.value)
    finally:
        broker.close()
        following.cancel()
        await asyncio.wait([following])
        follower.take()
    if not following.cancelled():
        following.result()  # what went wrong while it followed


async def _answer(session: Session, broker: Broker, question: Question) -> Objective:
    objective = Objective()
    for arm in session.work.add(question.arms):
        assignment = session.work.assignment([arm])
        broker.plan(assignment.orders, assignment.cells)
        counts = session.work.counts(arm)
        async for result in broker.cells(arm):
            objective.add(result, counts=counts[result.index])
    return objective


class _Follower:
    """Hands a broker's events to the recorder, each once."""

    def __init__(self, session: Session, broker: Broker) -> None:
        self._session = session
        self._broker = broker
        self._seen = 0

    async def follow(self) -> None:
        while True:
            await self._broker.events_after(self._seen)
            self.take()
            self._session.progress(self._session.recorder)

    def take(self) -> None:
        for event in self._broker.events[self._seen :]:
            self._seen += 1
            self._session.recorder.see(event)
