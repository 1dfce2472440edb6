"""A sweep in this process: no Ray, no Tune, one stage after the other. For tests, debuggers, small machines."""

from __future__ import annotations

import asyncio

from w2s_ray.core.graph import closure
from w2s_ray.execution.broker import Broker, Capacity
from w2s_ray.execution.launch import launch_here
from w2s_ray.store import Store
from w2s_ray.sweep.objective import Objective
from w2s_ray.sweep.run import Session
from w2s_ray.sweep.search import Question
from w2s_ray.sweep.work import roles_of


def run_local(session: Session) -> None:
    """Answer every question with a broker of this process's own."""
    asyncio.run(_run(session))


async def _run(session: Session) -> None:
    broker = Broker(Store(session.sweep.store), launch_here, Capacity(cpus=1, stages=1))
    follower = asyncio.ensure_future(_follow(session, broker))
    try:
        while (question := session.next()) is not None:
            objective = await _answer(session, broker, question)
            session.questions.tell(question, objective.value)
    finally:
        follower.cancel()
        _drain(session, broker, 0)
        broker.close()


async def _answer(session: Session, broker: Broker, question: Question) -> Objective:
    objective = Objective()
    for arm in session.work.add(question.arms):
        cells = session.work.arms[arm]
        stages = closure(stage for cell in cells for stage in roles_of(cell.stages))
        broker.plan(session.work.orders(stages), session.work.cell_stages([arm]))
        async for result in broker.cells(arm):
            role = session.sweep.tasks[cells[result.index].cell.task].role
            objective.add(result, counts=role == "dev")
    return objective


async def _follow(session: Session, broker: Broker) -> None:
    seen = 0
    while True:
        for event in await broker.events_after(seen):
            session.recorder.see(event)
            seen += 1
        session.progress(session.recorder)


def _drain(session: Session, broker: Broker, start: int) -> None:
    for event in broker.events[start:]:
        session.recorder.see(event)
