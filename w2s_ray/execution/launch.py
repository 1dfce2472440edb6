"""Three ways to compute a stage behind one protocol: in this process, on a warm Ray actor, by Ray Train.

A launcher takes an order and returns when the record is in the store, or raises what went wrong. Waiting holds
no GPU: an actor is leased for a stage and ended when idle; a gang lives as long as its `fit()`, which runs in a
driver that asks for nothing. The only place that knows `ray.train`.
"""

from __future__ import annotations

import os
from typing import Any

from w2s_ray.execution.actors import WarmActors
from w2s_ray.execution.faults import ray_errors
from w2s_ray.execution.here import launch_here, prepare_device, with_provenance
from w2s_ray.execution.orders import Order
from w2s_ray.stages.run import Errand, run_stage

TRAIN_ENVIRONMENT = {
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.5",  # 5 s by default: the wait at every teardown
    "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "900",  # nodes boot
}


class RayLauncher:
    """Small stages on warm actors, large ones through Ray Train. Lives in the broker's process."""

    def __init__(self) -> None:
        self._actors = WarmActors()

    async def __call__(self, order: Order) -> None:
        resources = order.resources
        if resources.launcher == "here":
            await launch_here(order)
        elif resources.launcher == "train":
            with self._actors.making_room(), ray_errors():
                await _train_driver().remote(order)
        else:
            async with self._actors.lease((resources.cpus, resources.gpus)) as actor:
                await actor.run(order.errand)


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

    errand: Errand = with_provenance(config["errand"])
    context = ray.train.get_context()
    prepare_device(errand.layout)
    worker = Worker(
        rank=context.get_world_rank(),
        world_size=context.get_world_size(),
        device=ray.train.torch.get_device(),
    )
    run_stage(errand, worker)
