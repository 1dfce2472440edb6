"""Engines: forward, backward and optimizer step, on plain torch or on DeepSpeed ZeRO.

Losses reach an engine already normalised over the *global* batch; the gradient is their sum over micro-batches
and workers, so neither the number of workers nor the size of a micro-batch changes what is optimised.
Parameters and Adam's states are fp32 in both; `bf16` is autocast around the forward pass.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from w2s_ray.core.errors import EnvironmentFault
from w2s_ray.core.specs import Layout, TrainSpec
from w2s_ray.training.worker import Worker

State = dict[str, Tensor]


class Engine(Protocol):
    """What the loop needs; every worker makes the same calls in the same order."""

    worker: Worker

    def forward(self, input_ids_RT: Tensor, mask_RT: Tensor) -> Tensor: ...
    def backward(self, loss: Tensor, *, last: bool) -> None: ...
    def step(self, lr: float) -> None: ...
    def weights(self) -> State: ...
    def load_weights(self, state: Mapping[str, Tensor]) -> None: ...
    def save(self, folder: Path) -> None: ...
    def restore(self, folder: Path) -> None: ...


def build_engine(model: nn.Module, recipe: TrainSpec, layout: Layout, worker: Worker) -> Engine:
    """The engine a layout asks for: DeepSpeed where it names a ZeRO stage, else torch."""
    check_precision(recipe.precision, worker.device.type)
    if layout.zero_stage is None:
        return TorchEngine(model, recipe, worker)
    return DeepSpeedEngine(model, recipe, layout, worker)


def check_precision(precision: str, device: str) -> None:
    """Raise EnvironmentFault where a device cannot multiply in bf16."""
    if precision == "bf16" and device == "cuda" and not torch.cuda.is_bf16_supported():
        raise EnvironmentFault(
            "this GPU has no bf16; set `train.precision: fp32`, or ask for another accelerator (Ampere or later)"
        )


class TorchEngine:
    """Plain torch, data-parallel by one all-reduce of the gradients per step."""

    def __init__(self, model: nn.Module, recipe: TrainSpec, worker: Worker) -> None:
        self.worker = worker
        self.model = model.to(worker.device)
        self._recipe = recipe
        self._trainable = [p for p in model.parameters() if p.requires_grad]
        self._optimizer = build_optimizer(self._trainable, recipe, fused=worker.device.type == "cuda")

    def forward(self, input_ids_RT: Tensor, mask_RT: Tensor) -> Tensor:
        with precision(self._recipe, self.worker.device):
            logits: Tensor = self.model(input_ids_RT, mask_RT)
        return logits

    def backward(self, loss: Tensor, *, last: bool) -> None:
        loss.backward()  # type: ignore[no-untyped-call]

    def step(self, lr: float) -> None:
        if self.worker.world_size > 1:
            self._sum_gradients()
        if self._recipe.clip:
            nn.utils.clip_grad_norm_(self._trainable, self._recipe.clip)
        set_lr(self._optimizer, lr)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)

    def weights(self) -> State:
        """A copy of the trainable parameters on the CPU."""
        named = self.model.named_parameters()
        return {name: p.detach().cpu().clone() for name, p in named if p.requires_grad}

    def load_weights(self, state: Mapping[str, Tensor]) -> None:
        with torch.no_grad():
            for name, parameter in self.model.named_parameters():
                if name in state:
                    parameter.copy_(state[name])

    def save(self, folder: Path) -> None:
        if self.worker.leads:
            state = {"model": self.weights(), "optimizer": self._optimizer.state_dict()}
            torch.save(state, folder / "engine.pt")

    def restore(self, folder: Path) -> None:
        state = torch.load(folder / "engine.pt", map_location=self.worker.device, weights_only=True)
        self.load_weights(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])

    def _sum_gradients(self) -> None:
        gradients = [p.grad if p.grad is not None else torch.zeros_like(p) for p in self._trainable]
        flat = self.worker.sum(torch.cat([gradient.flatten() for gradient in gradients]))
        offset = 0
        for parameter in self._trainable:
            parameter.grad = flat[offset : offset + parameter.numel()].view_as(parameter)
            offset += parameter.numel()


class DeepSpeedEngine:
    """ZeRO 0-3 with fp32 parameters; bf16 runs in DeepSpeed's torch_autocast, never in its `bf16` mode."""

    def __init__(self, model: nn.Module, recipe: TrainSpec, layout: Layout, worker: Worker) -> None:
        deepspeed = import_deepspeed(worker.device)
        self.worker = worker
        self._recipe = recipe
        trainable = [p for p in model.parameters() if p.requires_grad]
        optimizer = build_optimizer(trainable, recipe, fused=worker.device.type == "cuda" and not layout.offload)
        self._engine, self._optimizer, _, _ = deepspeed.initialize(
            model=model.to(worker.device),
            optimizer=optimizer,
            config=deepspeed_config(recipe, layout, worker),
            dist_init_required=False,
        )
        self._engine.train()
        self._gathered = deepspeed.zero.GatheredParameters

    def forward(self, input_ids_RT: Tensor, mask_RT: Tensor) -> Tensor:
        logits: Tensor = self._engine(input_ids_RT, mask_RT)
        return logits.float()

    def backward(self, loss: Tensor, *, last: bool) -> None:
        self._engine.set_gradient_accumulation_boundary(last)
        # DeepSpeed averages over workers, and our loss is a share of the global sum
        self._engine.backward(loss * self.worker.world_size, scale_wrt_gas=False)

    def step(self, lr: float) -> None:
        set_lr(self._optimizer, lr)
        self._engine.step()

    def weights(self) -> State:
        state = {}
        for name, parameter in self._named_trainable():
            with self._gathered([parameter]):
                state[name] = parameter.detach().cpu().clone()
        return state

    def load_weights(self, state: Mapping[str, Tensor]) -> None:
        for name, parameter in self._named_trainable():
            with self._gathered([parameter], modifier_rank=0), torch.no_grad():
                parameter.copy_(state[name])
        self._refresh_masters()

    def save(self, folder: Path) -> None:
        self._engine.save_checkpoint(str(folder), tag="engine", save_latest=False)

    def restore(self, folder: Path) -> None:
        path, _ = self._engine.load_checkpoint(str(folder), tag="engine")
        if path is None:
            raise EnvironmentFault(f"{folder}: DeepSpeed found no checkpoint of this layout there")

    def _named_trainable(self) -> list[tuple[str, nn.Parameter]]:
        named = self._engine.module.named_parameters()
        return [(name, parameter) for name, parameter in named if parameter.requires_grad]

    def _refresh_masters(self) -> None:
        refresh = getattr(self._optimizer, "refresh_fp32_params", None)
        if refresh is not None:
            refresh()


def build_optimizer(parameters: list[nn.Parameter], recipe: TrainSpec, *, fused: bool) -> torch.optim.AdamW:
    """AdamW on fp32 parameters, weight decay on all of them."""
    return torch.optim.AdamW(
        parameters,
        lr=recipe.lr,
        betas=tuple(recipe.betas),
        eps=recipe.eps,
        weight_decay=recipe.weight_decay,
        fused=fused,
    )


def set_lr(optimizer: Any, lr: float) -> None:
    """Set the learning rate of the step to come."""
    for group in optimizer.param_groups:
        group["lr"] = lr


def precision(recipe: TrainSpec, device: torch.device) -> contextlib.AbstractContextManager[None]:
    """The autocast context of a recipe on a device."""
    if recipe.precision == "bf16":
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return contextlib.nullcontext()


def deepspeed_config(recipe: TrainSpec, layout: Layout, worker: Worker) -> dict[str, Any]:
    """DeepSpeed's configuration of a recipe; batches and schedules are ours, not its."""
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
