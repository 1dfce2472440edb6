"""The broker: each stage once, as soon as its inputs exist, whatever fails."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from w2s_ray.core.errors import ConfigError, EnvironmentFault, StageFailed, TrainingDiverged
from w2s_ray.core.graph import CellStages, Stage, closure, finetune_stage, split_stage
from w2s_ray.core.record import Record
from w2s_ray.core.specs import Layout, MethodSpec, ModelSpec, Resources, Source, TaskSpec, TrainSpec
from w2s_ray.execution.broker import MAX_REPAIRS, Broker
from w2s_ray.execution.orders import CellResult, Order, WorkerLost, critical_paths, is_oom, smaller
from w2s_ray.execution.slots import Capacity
from w2s_ray.stages.run import Errand, InputLost
from w2s_ray.store import Leases, Store

RECIPE = TrainSpec(lr=1e-3)


def model(size: str) -> ModelSpec:
    return ModelSpec(family="tiny", source=Source(kind="world", name=f"tiny-{size}", version=1))


def cell(*, seed: int = 0, method: str = "naive", strong: str = "m") -> CellStages:
    task = TaskSpec(
        name="review", version=1, source=Source(kind="world", name="review"), half=8, validation=4, test=4
    )
    split = split_stage(task, seed)
    weak = finetune_stage(model=model("xs"), recipe=RECIPE, seed=seed, half="weak", split=split)
    ceiling = finetune_stage(model=model(strong), recipe=RECIPE, seed=seed, half="transfer", split=split)
    spec = MethodSpec(name=method, version=1)
    student = finetune_stage(
        model=model(strong), recipe=RECIPE, seed=seed, half="transfer", split=split, method=spec, labels=weak
    )
    return CellStages(split=split, weak=weak, student=student, ceiling=ceiling)


def orders(cells: list[CellStages], url: str, **resources: Any) -> list[Order]:
    stages = closure(s for c in cells for s in (c.weak, c.student, c.ceiling))
    return [Order(errand=Errand(stage=s, store=url), resources=Resources(**resources)) for s in stages]


class World:
    """A store in memory and a launcher that commits a small real record, with whatever trouble a test adds."""

    def __init__(self) -> None:
        self.url = f"memory://{uuid.uuid4().hex}"
        self.store = Store(self.url)
        self.launched: list[str] = []
        self.trouble: Callable[[Order], Awaitable[None] | None] = lambda order: None
        self.running = 0
        self.most = 0

    async def launch(self, order: Order) -> None:
        stage = order.errand.stage
        self.launched.append(stage.key)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await asyncio.sleep(0.001)
            waiting = self.trouble(order)
            if waiting is not None:
                await waiting
            self.commit(stage)
        finally:
            self.running -= 1

    def commit(self, stage: Stage) -> None:
        with self.store.building(stage.key) as attempt:
            (attempt.path / "file").write_text(stage.key)
            metrics = {"accuracy/tune": 0.5}
            record = Record(key=stage.key, identity=stage.identity, attempt="", files={}, metrics=metrics)
            self.store.commit(attempt, record)

    def broker(self, *, cpus: float = 8, **options: Any) -> Broker:
        return Broker(
            self.store, self.launch, Capacity(cpus=cpus), lease_poll_s=0.02, pause_s=0.01, **options
        )


@pytest.fixture
def world() -> World:
    return World()


async def results(broker: Broker, arm: str) -> list[CellResult]:
    return [result async for result in broker.cells(arm)]


def run(world: World, broker: Broker, arms: dict[str, tuple[CellStages, ...]]) -> dict[str, list[CellResult]]:
    async def body() -> dict[str, list[CellResult]]:
        cells = [c for group in arms.values() for c in group]
        broker.plan(orders(cells, world.url), arms)
        answers = await asyncio.gather(*(results(broker, arm) for arm in arms))
        broker.close()
        return dict(zip(arms, answers, strict=True))

    return asyncio.run(body())


def test_a_stage_that_many_arms_need_runs_once(world: World) -> None:
    arms = {name: (cell(method=name),) for name in ("naive", "confidence", "product")}
    run(world, world.broker(), arms)
    assert len(world.launched) == len(set(world.launched)) == 1 + 1 + 1 + 3  # split, weak, ceiling, students


def test_stages_executed_equal_the_closed_form(world: World) -> None:
    cells = {
        f"{strong}-{method}": tuple(cell(seed=seed, strong=strong, method=method) for seed in (0, 1))
        for strong in ("m", "l")
        for method in ("naive", "confidence")
    }
    run(world, world.broker(), cells)
    per_seed = 1 + 1 + 2 + 4  # a split, W supervisors, S ceilings, a student per arm
    assert len(world.launched) == 2 * per_seed


def test_cells_come_in_canonical_order_even_when_a_later_one_is_ready_first(world: World) -> None:
    slow = cell(seed=0).student.key

    def trouble(order: Order) -> Awaitable[None] | None:
        return asyncio.sleep(0.05) if order.errand.stage.key == slow else None

    world.trouble = trouble
    answers = run(world, world.broker(), {"arm": (cell(seed=0), cell(seed=1), cell(seed=2))})
    assert [answer.index for answer in answers["arm"]] == [0, 1, 2]
    assert answers["arm"][0].metrics["student"] == {"accuracy/tune": 0.5}


def test_a_stage_starts_as_soon_as_its_own_inputs_exist_without_a_barrier_between_phases(
    world: World,
) -> None:
    late_split = cell(seed=1).split.key

    def trouble(order: Order) -> Awaitable[None] | None:
        return asyncio.sleep(0.1) if order.errand.stage.key == late_split else None

    world.trouble = trouble
    broker = world.broker()
    run(world, broker, {"arm": (cell(seed=0), cell(seed=1))})
    done = [event.key for event in broker.events if event.kind == "done"]
    assert done.index(cell(seed=0).student.key) < done.index(late_split)


def test_a_failed_stage_fails_only_its_descendants_and_names_the_cause(world: World) -> None:
    broken = cell(seed=0).weak.key

    def trouble(order: Order) -> None:
        if order.errand.stage.key == broken:
            raise TrainingDiverged("the loss became nan at step 3")

    world.trouble = trouble
    answers = run(world, world.broker(), {"arm": (cell(seed=0), cell(seed=1))})
    bad, good = answers["arm"]
    assert "nan at step 3" in bad.error and broken in bad.error
    assert not good.error
    assert cell(seed=0).ceiling.key in world.launched


def test_what_would_fail_again_is_not_retried_and_what_may_pass_is(world: World) -> None:
    attempts: dict[str, int] = {}

    def trouble(order: Order) -> None:
        key = order.errand.stage.key
        attempts[key] = attempts.get(key, 0) + 1
        if order.errand.stage.kind == "split":
            raise ConfigError("bad rows")

    world.trouble = trouble
    run(world, world.broker(), {"arm": (cell(),)})
    assert attempts[cell().split.key] == 1

    flaky = World()
    seen: list[str] = []

    def once(order: Order) -> None:
        if order.errand.stage.kind == "split" and not seen:
            seen.append("x")
            raise RuntimeError("the network blinked")

    flaky.trouble = once
    answers = run(flaky, flaky.broker(), {"arm": (cell(),)})
    assert not answers["arm"][0].error


def test_out_of_memory_is_retried_with_a_smaller_micro_batch_and_the_same_global_batch(world: World) -> None:
    seen: list[int] = []

    def trouble(order: Order) -> None:
        if order.errand.stage.kind == "split":
            return
        seen.append(order.errand.layout.micro_tokens)
        if order.errand.layout.micro_tokens > 5000:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")

    world.trouble = trouble
    answers = run(world, world.broker(cpus=1), {"arm": (cell(),)})
    assert not answers["arm"][0].error
    assert {16384, 8192, 4096} <= set(seen)


def test_halving_the_micro_batch_leaves_the_identity_alone() -> None:
    order = Order(
        errand=Errand(stage=cell().student, store="memory://x", layout=Layout()), resources=Resources()
    )
    assert smaller(order).errand.layout.micro_tokens == 8192
    assert smaller(order).errand.stage.identity == order.errand.stage.identity
    assert is_oom(MemoryError()) and not is_oom(RuntimeError("other"))


def test_a_lost_input_is_computed_again_and_the_stage_goes_on(world: World) -> None:
    lost: list[str] = []

    def trouble(order: Order) -> None:
        if order.errand.stage.key == cell().student.key and not lost:
            lost.append(cell().weak.key)
            world.store.set_aside(cell().weak.key, "a bit flipped")
            raise InputLost(cell().weak.key)

    world.trouble = trouble
    answers = run(world, world.broker(), {"arm": (cell(),)})
    assert not answers["arm"][0].error
    assert world.launched.count(cell().weak.key) == 2


def test_finished_stages_are_reused_by_the_next_broker(world: World) -> None:
    run(world, world.broker(), {"arm": (cell(),)})
    before = len(world.launched)
    broker = world.broker()
    run(world, broker, {"arm": (cell(),)})
    assert len(world.launched) == before
    assert {event.kind for event in broker.events} == {"reused"}


def test_two_brokers_over_one_store_do_no_stage_twice(world: World) -> None:
    arms = {"arm": tuple(cell(seed=seed) for seed in range(4))}
    cells = list(arms["arm"])

    async def body() -> None:
        brokers = [world.broker(), world.broker()]
        for broker in brokers:
            broker.plan(orders(cells, world.url), arms)
        await asyncio.gather(*(results(broker, "arm") for broker in brokers))
        for broker in brokers:
            broker.close()

    asyncio.run(body())
    assert len(world.launched) == len(set(world.launched))


def test_a_stage_leased_by_a_living_stranger_is_waited_for_and_then_read(world: World) -> None:
    stranger = Leases(world.store.backend)
    key = cell().split.key
    assert stranger.acquire(key)

    async def body() -> Record:
        broker = world.broker()
        broker.plan(orders([cell()], world.url), {"arm": (cell(),)})
        waiting = asyncio.ensure_future(broker.ensure(cell().split))
        await asyncio.sleep(0.05)
        assert key not in world.launched
        world.commit(cell().split)
        return await waiting

    assert asyncio.run(body()).key == key
    stranger.close()


def test_no_more_runs_at_once_than_the_cluster_holds(world: World) -> None:
    run(world, world.broker(cpus=2), {"arm": tuple(cell(seed=seed) for seed in range(5))})
    assert world.most == 2


def test_a_gang_is_reserved_before_small_requests_can_starve_it(world: World) -> None:
    gang = cell(seed=9)

    async def body() -> list[str]:
        broker = world.broker(cpus=2)
        arms = {"small": tuple(cell(seed=seed) for seed in range(6)), "gang": (gang,)}
        small = orders(list(arms["small"]), world.url)
        large = [
            replace(o, resources=Resources(workers=2)) if o.errand.stage.kind == "finetune" else o
            for o in orders([gang], world.url)
        ]
        broker.plan([*small, *large], arms)
        await asyncio.gather(*(results(broker, arm) for arm in arms))
        return [event.key for event in broker.events if event.kind == "begun"]

    begun = asyncio.run(body())
    students = [begun.index(cell(seed=seed).student.key) for seed in range(6)]
    assert begun.index(gang.weak.key) < max(students)


def test_a_pruned_arm_drops_what_nobody_else_waits_for_and_has_not_begun(world: World) -> None:
    async def body() -> None:
        broker = world.broker(cpus=1)
        arms = {"kept": (cell(method="naive"),), "pruned": (cell(method="product"),)}
        broker.plan(orders([c for group in arms.values() for c in group], world.url), arms)
        broker.start("kept")
        broker.start("pruned")
        await asyncio.sleep(0)
        broker.release("pruned")
        await results(broker, "kept")

    asyncio.run(body())
    assert cell(method="product").student.key not in world.launched
    assert cell(method="naive").student.key in world.launched


def test_the_longest_chain_goes_first() -> None:
    cells = cell()
    paths = critical_paths([cells.student, cells.ceiling], {})
    assert set(paths) == {stage.identity for stage in closure([cells.student, cells.ceiling])}
    weighted = {s.identity: Order(errand=Errand(stage=s, store="x"), resources=Resources(), seconds=1.0)
                for s in closure([cells.student, cells.ceiling])}  # fmt: skip
    paths = critical_paths([cells.student, cells.ceiling], weighted)
    assert paths[cells.split.identity] == 3.0 and paths[cells.weak.identity] == 2.0


def test_a_stage_that_fails_through_its_input_says_whose_fault_it_was(world: World) -> None:
    def trouble(order: Order) -> None:
        if order.errand.stage.kind == "split":
            raise ConfigError("column 'text' is empty in row 7")

    world.trouble = trouble

    async def body() -> None:
        broker = world.broker()
        broker.plan(orders([cell()], world.url), {"arm": (cell(),)})
        with pytest.raises(StageFailed, match=r"split/.*row 7"):
            await broker.ensure(cell().student)

    asyncio.run(body())


def test_an_input_that_two_stages_lose_at_once_is_computed_again_once(world: World) -> None:
    arms = {name: (cell(method=name),) for name in ("naive", "confidence")}
    weak, students = cell().weak.key, {cells[0].student.key for cells in arms.values()}
    told: set[str] = set()

    async def lose(key: str) -> None:
        if world.store.find(weak) is not None and not told:
            world.store.set_aside(weak, "a bit flipped")
        told.add(key)
        await asyncio.sleep(0.01 * len(told))  # the second one notices while the first is being helped
        raise InputLost(weak)

    def trouble(order: Order) -> Awaitable[None] | None:
        key = order.errand.stage.key
        if key == weak and told:
            return asyncio.sleep(0.05)
        return lose(key) if key in students - told else None

    world.trouble = trouble
    answers = run(world, world.broker(), arms)
    assert not any(results[0].error for results in answers.values())
    assert told == students
    assert world.launched.count(weak) == 2


def test_a_disk_that_damages_every_input_ends_in_an_error_and_not_in_a_circle(world: World) -> None:
    weak, student = cell().weak.key, cell().student.key

    def trouble(order: Order) -> None:
        if order.errand.stage.key == student:
            world.store.set_aside(weak, "a bit flipped")
            raise InputLost(weak)

    world.trouble = trouble
    (answer,) = run(world, world.broker(), {"arm": (cell(),)})["arm"]
    assert weak in answer.error and student in answer.error
    assert world.launched.count(student) == MAX_REPAIRS + 1


def test_a_worker_lost_to_the_memory_killer_is_replaced_with_a_smaller_micro_batch(world: World) -> None:
    seen: list[int] = []

    def trouble(order: Order) -> None:
        if order.errand.stage.key == cell().weak.key:
            seen.append(order.errand.layout.micro_tokens)
            if len(seen) < 4:  # more often than an ordinary failure would be forgiven
                raise WorkerLost("The actor died … the node was running low on memory")

    world.trouble = trouble
    answers = run(world, world.broker(), {"arm": (cell(),)})
    assert not answers["arm"][0].error
    assert seen == [16384, 8192, 4096, 2048]


def test_an_arm_that_is_asked_of_a_fresh_broker_waits_until_the_driver_has_told_the_plan(
    world: World,
) -> None:
    async def body() -> list[CellResult]:
        broker = world.broker()
        asking = asyncio.ensure_future(results(broker, "arm"))
        await asyncio.sleep(0.01)
        assert not asking.done()
        broker.plan(orders([cell()], world.url), {"arm": (cell(),)})
        return await asyncio.wait_for(asking, 5)

    assert [result.index for result in asyncio.run(body())] == [0]


def test_who_listens_to_an_arm_that_is_released_hears_the_end_of_it(world: World) -> None:
    world.trouble = lambda order: asyncio.sleep(0.02)

    async def body() -> list[CellResult]:
        broker = world.broker(cpus=1)
        broker.plan(orders([cell()], world.url), {"arm": (cell(),)})
        listening = asyncio.ensure_future(results(broker, "arm"))
        await asyncio.sleep(0.01)
        broker.release("arm")
        return await asyncio.wait_for(listening, 5)

    assert asyncio.run(body()) == []
    assert cell().student.key not in world.launched


def test_a_released_arm_can_be_asked_again(world: World) -> None:
    async def body() -> list[CellResult]:
        broker = world.broker(cpus=1)
        plan = (orders([cell()], world.url), {"arm": (cell(),)})
        broker.plan(*plan)
        broker.start("arm")
        await asyncio.sleep(0.005)
        broker.release("arm")
        broker.plan(*plan)
        return await asyncio.wait_for(results(broker, "arm"), 5)

    (answer,) = asyncio.run(body())
    assert not answer.error
    assert len(world.launched) == len(set(world.launched))


def test_a_closed_broker_begins_nothing_more(world: World) -> None:
    async def body() -> None:
        broker = world.broker(cpus=1)
        broker.plan(orders([cell()], world.url), {"arm": (cell(),)})
        broker.start("arm")
        broker.close()
        broker.plan(orders([cell()], world.url), {"arm": (cell(),), "late": (cell(),)})
        broker.start("late")
        await asyncio.sleep(0.05)

    asyncio.run(body())
    assert world.launched == []
    assert not [name for name in world.store.backend.names(cell().split.key) if "lease" in name]


def test_a_store_that_cannot_be_read_fails_the_stage_and_says_so(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(key: str) -> None:
        raise EnvironmentFault(f"{key}: 403")

    broker = world.broker()
    monkeypatch.setattr(world.store, "find", unreadable)
    (answer,) = run(world, broker, {"arm": (cell(),)})["arm"]
    assert "403" in answer.error
    assert {event.kind for event in broker.events} == {"failed"}


def test_planning_the_same_again_costs_no_new_look_at_the_graph(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    monkeypatch.setattr(
        "w2s_ray.execution.broker.critical_paths", lambda stages, orders: looks.append(len(stages)) or {}
    )
    broker = world.broker()
    for _ in range(3):
        broker.plan(orders([cell()], world.url), {"arm": (cell(),)})
    assert looks == [4]
