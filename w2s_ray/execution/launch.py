"""Three ways to compute a stage behind one protocol: in this process, on a warm Ray actor, by Ray Train.

A launcher takes an order and returns when the record is in the store, or raises what went wrong. Waiting holds
no GPU: an actor is leased for a stage and ended when idle; a gang lives as long as its `fit()`, which runs in a
driver that asks for nothing. The only place that knows `ray.train`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from w2s_ray.core.errors import EnvironmentFault
from w2s_ray.core.specs import Layout
from w2s_ray.execution.broker import Order, WorkerLost
from w2s_ray.stages.run import PLAIN, Errand, run_stage

log = logging.getLogger(__name__)
IDLE_S = 30.0
TRAIN_ENVIRONMENT = {
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.5",  # 5 s by default: the wait at every teardown
    "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "900",  # nodes boot
}


async def launch_here(order: Order) -> None:
    """Compute a stage in this process, on a thread of its own."""
    await asyncio.to_thread(run_here, order.errand)


def run_here(errand: Errand) -> None:
    """Compute a stage in this process and thread."""
    if errand.stage.kind in PLAIN:
        run_stage(errand)
        return
    from w2s_ray.training.worker import Worker

    device = prepare_device(errand.layout)
    run_stage(errand, Worker(device=device))


def prepare_device(layout: Layout) -> Any:
    """The torch device of a layout, with its thread count set: within one layout results are equal bit for bit."""
    import torch

    torch.set_num_threads(layout.threads)
    if layout.device == "cuda" and not torch.cuda.is_available():
        raise EnvironmentFault(
            "a stage was placed on a GPU, but torch sees none here; set `resources.gpus: 0`"
        )
    return torch.device(layout.device)


class RayLauncher:
    """Small stages on warm actors, large ones through Ray Train. Lives in the broker's process."""

    def __init__(self, *, idle_s: float = IDLE_S) -> None:
        self._idle_s = idle_s
        self._idle: dict[tuple[float, float], list[_Warm]] = {}
        self._reaper: asyncio.Task[None] | None = None

    async def __call__(self, order: Order) -> None:
        if order.resources.launcher == "here":
            await launch_here(order)
        elif order.resources.launcher == "train":
            self._end_idle()
            with ray_errors():
                await _train_driver().remote(order)
        else:
            await self._on_actor(order)

    async def _on_actor(self, order: Order) -> None:
        shape = (order.resources.cpus, order.resources.gpus)
        warm = self._lease(shape)
        try:
            with ray_errors():
                await warm.actor.run.remote(order.errand)
        except WorkerLost:
            warm.end()
            raise
        except asyncio.CancelledError:
            warm.end()
            raise
        except Exception:
            self._give_back(shape, warm)
            raise
        self._give_back(shape, warm)

    def _lease(self, shape: tuple[float, float]) -> _Warm:
        idle = self._idle.get(shape)
        if idle:
            return idle.pop()
        self._end_idle()
        return _Warm(actor=_warm_actor(*shape))

    def _end_idle(self) -> None:
        """Idle actors hold CPUs and GPUs that something else is about to ask for."""
        for idle in self._idle.values():
            while idle:
                idle.pop().end()

    def _give_back(self, shape: tuple[float, float], warm: _Warm) -> None:
        warm.idle_since = time.monotonic()
        self._idle.setdefault(shape, []).append(warm)
        if self._reaper is None or self._reaper.done():
            self._reaper = asyncio.ensure_future(self._reap())

    async def _reap(self) -> None:
        while any(self._idle.values()):
            await asyncio.sleep(self._idle_s / 4)
            horizon = time.monotonic() - self._idle_s
            for shape, idle in self._idle.items():
                for warm in idle:
                    if warm.idle_since < horizon:
                        warm.end()
                self._idle[shape] = [warm for warm in idle if warm.idle_since >= horizon]


@dataclass
class _Warm:
    actor: Any
    idle_since: float = field(default_factory=time.monotonic)

    def end(self) -> None:
        import ray

        ray.kill(self.actor)


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


def _warm_actor(cpus: float, gpus: float) -> Any:
    import ray

    options = {"num_cpus": cpus, "num_gpus": gpus, "max_restarts": 0, "scheduling_strategy": "DEFAULT"}
    return ray.remote(WarmWorker).options(**options).remote(gpus)


def _train_driver() -> Any:
    import ray

    return ray.remote(train_stage).options(num_cpus=0, max_retries=0, scheduling_strategy="DEFAULT")


def train_stage(order: Order) -> None:
    """Run a stage as one Ray Train run: a gang of workers, DeepSpeed if the layout names a ZeRO stage."""
    os.environ.update(TRAIN_ENVIRONMENT)
    import uuid

    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchConfig, TorchTrainer

    resources, errand = order.resources, order.errand
    # a name that was used before would silently resume that run: ours is new, and our record the truth
    name = f"{errand.stage.identity[:16]}-{uuid.uuid4().hex[:8]}"
    per_worker = {"CPU": resources.cpus} | ({"GPU": resources.gpus} if resources.gpus else {})
    trainer = TorchTrainer(
        _train_worker,
        train_loop_config={"errand": errand},
        scaling_config=ScalingConfig(
            num_workers=resources.workers, use_gpu=resources.gpus > 0, resources_per_worker=per_worker
        ),
        torch_config=TorchConfig(backend="nccl" if errand.layout.device == "cuda" else "gloo"),
        run_config=RunConfig(
            name=name,
            storage_path=train_storage(errand.store),
            failure_config=FailureConfig(max_failures=0, max_preemption_failures=-1),
        ),
    )
    try:
        trainer.fit()
    finally:
        remove_train_files(errand.store, name)


def train_storage(store_url: str) -> str:
    """Where Ray Train puts its own files: beside the records, on storage that every node reaches."""
    from w2s_ray.store.backend import Backend

    backend = Backend(store_url)
    root = backend.full("scratch/ray-train")
    return root if backend.is_local else f"{backend.protocol}://{root}"


def remove_train_files(store_url: str, name: str) -> None:
    """Remove what Ray Train wrote about a run that has ended."""
    from w2s_ray.store.backend import Backend

    Backend(store_url).remove(f"scratch/ray-train/{name}")


def _train_worker(config: dict[str, Any]) -> None:
    import ray.train

    from w2s_ray.training.worker import Worker

    errand: Errand = config["errand"]
    context = ray.train.get_context()
    prepare_device(errand.layout)
    worker = Worker(
        rank=context.get_world_rank(),
        world_size=context.get_world_size(),
        device=ray.train.torch.get_device(),
    )
    run_stage(errand, worker)


@contextlib.contextmanager
def ray_errors() -> Iterator[None]:
    """Turn Ray's wrappers into what happened: the stage's own error, or `WorkerLost`."""
    from ray.exceptions import (
        ActorDiedError,
        ActorUnavailableError,
        NodeDiedError,
        RayTaskError,
        WorkerCrashedError,
    )

    try:
        yield
    except (ActorDiedError, ActorUnavailableError, NodeDiedError, WorkerCrashedError) as error:
        raise WorkerLost(str(error).splitlines()[0]) from error
    except RayTaskError as error:
        raise _innermost(error) from error


def _innermost(error: BaseException) -> BaseException:
    """The error of our own code under Ray's and Train's wrappers."""
    inner = getattr(error, "cause", None)
    if isinstance(inner, BaseException) and inner is not error:
        return _innermost(inner)
    failures = getattr(error, "worker_failures", None)
    if failures:
        return _innermost(next(iter(failures.values())))
    return error
