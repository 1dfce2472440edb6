"""What a sweep would do, without Ray, GPU or network: counts, cost, and a simulated makespan."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from w2s_ray.core.errors import BudgetError
from w2s_ray.core.graph import Stage
from w2s_ray.core.record import Record
from w2s_ray.execution.orders import Order, critical_paths
from w2s_ray.store import Store
from w2s_ray.sweep.costs import stage_flops
from w2s_ray.sweep.nouns import Sweep
from w2s_ray.sweep.work import Work


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Counts and estimates. `missing` are the stages that have no record yet, inputs first."""

    num_arms: int
    num_cells: int
    stages: tuple[Stage, ...]
    records: dict[str, Record]
    missing: tuple[Stage, ...]
    orders: tuple[Order, ...]
    flops: float
    gpu_hours: float
    cpu_hours: float
    dollars: float | None
    makespan_s: float
    num_slots: int

    def counts(self) -> dict[str, dict[str, int]]:
        """By kind of stage: how many there are, and how many are in the store."""
        total = Counter(stage.kind for stage in self.stages)
        missing = Counter(stage.kind for stage in self.missing)
        return {kind: {"unique": n, "in_store": n - missing[kind]} for kind, n in sorted(total.items())}

    def to_json(self) -> dict[str, Any]:
        """The plan as plain data."""
        return {
            "arms": self.num_arms,
            "cells": self.num_cells,
            "stages": {"unique": len(self.stages), "in_store": len(self.stages) - len(self.missing)},
            "by_kind": self.counts(),
            "flops": self.flops,
            "gpu_hours": self.gpu_hours,
            "cpu_hours": self.cpu_hours,
            "dollars": self.dollars,
            "makespan_s": self.makespan_s,
            "slots": self.num_slots,
        }


def make_plan(work: Work, *, slots: int = 2) -> Plan:
    """Count a sweep's work against its store. In search mode a study's trials are unknown, and not counted."""
    sweep, stages = work.sweep, work.stages()
    records = Store(work.store).find_all((stage.key for stage in stages), look_only=True)
    missing = [stage for stage in stages if stage.key not in records]
    orders = work.orders(missing)
    gpu_s = sum(order.seconds * order.resources.gpus * order.resources.workers for order in orders)
    cpu_s = sum(order.seconds * order.resources.cpus * order.resources.workers for order in orders)
    price = sweep.budget.dollars_per_gpu_hour
    return Plan(
        num_arms=len(work.arms),
        num_cells=len(work.cells),
        stages=tuple(stages),
        records=records,
        missing=tuple(missing),
        orders=tuple(orders),
        flops=sum(stage_flops(stage, _size(work, stage)) for stage in missing),
        gpu_hours=gpu_s / 3600,
        cpu_hours=cpu_s / 3600,
        dollars=None if price is None else price * gpu_s / 3600,
        makespan_s=simulate(orders, slots),
        num_slots=slots,
    )


def check_budget(plan: Plan, sweep: Sweep) -> None:
    """Raise BudgetError where the estimate exceeds what the sweep may use."""
    bounds = (
        ("gpu_hours", plan.gpu_hours, sweep.budget.gpu_hours),
        ("dollars", plan.dollars, sweep.budget.dollars),
    )
    for name, estimate, bound in bounds:
        if estimate is not None and bound is not None and estimate > bound:
            raise BudgetError(
                f"budget.{name} = {bound:g}, but the plan needs about {estimate:.3g}; raise it, or take tasks, "
                "seeds or arms out"
            )


def simulate(orders: Sequence[Order], slots: int) -> float:
    """Seconds until the last stage ends on `slots` workers, longest critical path first."""
    by_identity = {order.errand.stage.identity: order for order in orders}
    paths = critical_paths([order.errand.stage for order in orders], by_identity)
    consumers: dict[str, list[str]] = {name: [] for name in by_identity}
    waits_for = dict.fromkeys(by_identity, 0)
    for name, order in by_identity.items():
        for source in {source.identity for source in order.errand.stage.inputs.values()} & by_identity.keys():
            consumers[source].append(name)
            waits_for[name] += 1
    ready = [(-paths[name], name) for name, number in waits_for.items() if not number]
    heapq.heapify(ready)
    running: list[tuple[float, str]] = []
    now = 0.0
    while ready or running:
        while ready and len(running) < slots:
            _, name = heapq.heappop(ready)
            heapq.heappush(running, (now + by_identity[name].seconds, name))
        now, ended = heapq.heappop(running)
        for name in consumers[ended]:
            waits_for[name] -= 1
            if not waits_for[name]:
                heapq.heappush(ready, (-paths[name], name))
    return now


def _size(work: Work, stage: Stage) -> int | None:
    model = stage.spec.get("model")
    return work.size(model) if model else None
