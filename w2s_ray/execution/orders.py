"""What passes between the broker and those around it: orders, events, finished cells, lost workers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from w2s_ray.core.graph import Stage, closure
from w2s_ray.core.specs import Layout, Resources
from w2s_ray.stages.run import Errand

OOM_SIGNS = ("out of memory", "OutOfMemory", "Cannot allocate memory", "low on memory")


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


Launch = Callable[[Order], Awaitable[None]]


def critical_paths(stages: Sequence[Stage], orders: Mapping[str, Order]) -> dict[str, float]:
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
