"""The engine on DeepSpeed ZeRO 0-3: the only place that knows DeepSpeed.

Batches, schedules and losses are ours, not DeepSpeed's: it shards states, reduces gradients and steps.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch._C._distributed_c10d import HashStore

from w2s_ray.core.errors import EnvironmentFault
from w2s_ray.core.specs import Layout, TrainSpec
from w2s_ray.training.engine import State, build_optimizer, precision, set_lr
from w2s_ray.training.worker import Worker


class DeepSpeedEngine:
    """ZeRO 0-3 with fp32 parameters; bf16 runs in DeepSpeed's torch_autocast, never in its `bf16` mode.

    All workers make the same calls; under ZeRO-2 and 3 also the same number of forward and backward passes.
    """

    def __init__(self, model: nn.Module, recipe: TrainSpec, layout: Layout, worker: Worker) -> None:
        deepspeed = import_deepspeed(worker.device)
        join_alone(worker)
        self.worker = worker
        trainable = [p for p in model.parameters() if p.requires_grad]
        optimizer = build_optimizer(
            trainable, recipe, fused=worker.device.type == "cuda" and not layout.offload
        )
        self._engine, self._optimizer, _, _ = deepspeed.initialize(
            model=model.to(worker.device),
            optimizer=optimizer,
            config=deepspeed_config(recipe, layout),
            dist_init_required=False,
        )
        self._engine.train()
        self._recipe = recipe
        self._gathered = deepspeed.zero.GatheredParameters

    def forward(self, *inputs: Tensor) -> Tensor:
        outputs: Tensor = self._engine(*inputs)
        return outputs.float()

    @contextlib.contextmanager
    def asked(self) -> Iterator[Any]:
        """The model itself, its hooks gathering what a forward pass of it needs."""
        with torch.no_grad(), precision(self._recipe, self.worker.device):
            yield self._engine.module

    def backward(self, loss: Tensor, *, last: bool) -> None:
        self._engine.set_gradient_accumulation_boundary(last)
        # DeepSpeed averages over workers, and our loss is a share of the global sum
        self._engine.backward(loss * self.worker.world_size, scale_wrt_gas=False)

    def step(self, lr: float) -> None:
        set_lr(self._optimizer, lr)
        self._engine.step()

    def weights(self) -> State:
        """A copy of the trainable parameters on the CPU, whole on every worker."""
        state = {}
        for name, parameter in self._named_trainable():
            with self._gathered([parameter]):
                state[name] = parameter.detach().cpu().clone()
        return state

    def load_weights(self, state: Mapping[str, Tensor]) -> None:
        for name, parameter in self._named_trainable():
            with self._gathered([parameter], modifier_rank=0), torch.no_grad():
                parameter.copy_(state[name])
        refresh = getattr(self._optimizer, "refresh_fp32_params", None)
        if refresh is not None:  # ZeRO steps master copies, plain AdamW the parameters themselves
            refresh()

    def save(self, folder: Path) -> None:
        self._engine.save_checkpoint(
            str(folder), tag="engine", save_latest=False, exclude_frozen_parameters=True
        )

    def restore(self, folder: Path) -> None:
        path, _ = self._engine.load_checkpoint(str(folder), tag="engine", load_module_strict=False)
        if path is None:
            raise EnvironmentFault(f"{folder}: DeepSpeed found no checkpoint of this layout there")

    def close(self) -> None:
        """Remove DeepSpeed's hooks and buffers, so that the process can build another engine."""
        self._engine.destroy()

    def _named_trainable(self) -> list[tuple[str, nn.Parameter]]:
        named = self._engine.module.named_parameters()
        return [(name, parameter) for name, parameter in named if parameter.requires_grad]


def join_alone(worker: Worker) -> None:
    """Give a single worker the process group of one that DeepSpeed needs; it lives as long as the process."""
    if worker.world_size == 1 and not dist.is_initialized():
        os.environ.setdefault("LOCAL_RANK", "0")
        backend = "nccl" if worker.device.type == "cuda" else "gloo"
        dist.init_process_group(backend, store=HashStore(), rank=0, world_size=1)


def deepspeed_config(recipe: TrainSpec, layout: Layout) -> dict[str, Any]:
    """DeepSpeed's configuration of a recipe in a layout."""
    zero: dict[str, Any] = {"stage": layout.zero_stage}
    if layout.offload:
        zero["offload_optimizer"] = {"device": "cpu"}
        zero |= {"offload_param": {"device": "cpu"}} if layout.zero_stage == 3 else {}
    config: dict[str, Any] = {
        "train_micro_batch_size_per_gpu": 1,
        "gradient_accumulation_steps": 1,
        "gradient_clipping": recipe.clip,
        "zero_optimization": zero,
        "zero_allow_untested_optimizer": True,
        "zero_force_ds_cpu_optimizer": False,
        "steps_per_print": 1_000_000_000,
    }
    if recipe.precision == "bf16":
        config["torch_autocast"] = {"enabled": True, "dtype": "bfloat16"}
    return config


def import_deepspeed(device: torch.device) -> Any:
    """DeepSpeed, told which accelerator to use before it looks for one."""
    os.environ.setdefault("DS_ACCELERATOR", "cuda" if device.type == "cuda" else "cpu")
    try:
        import deepspeed
    except ImportError as error:
        raise EnvironmentFault(f"DeepSpeed cannot be imported ({error}); pip install deepspeed") from error
    return deepspeed
