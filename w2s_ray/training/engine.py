"""Engines: forward, backward and optimizer step, on plain torch (here) or on DeepSpeed ZeRO (zero.py).

Losses reach an engine already normalised over the *global* batch; the gradient is their sum over
micro-batches and workers, so neither the number of workers nor the size of a micro-batch changes what is
optimised.
Parameters and Adam's states are fp32 in both; `bf16` is autocast around the forward pass.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from w2s_ray.core.specs import TrainSpec
from w2s_ray.training.worker import Worker

State = dict[str, Tensor]


class Engine(Protocol):
    """What the loop needs; every worker makes the same calls in the same order."""

    worker: Worker

    def forward(self, *inputs: Tensor) -> Tensor: ...
    def asked(self) -> contextlib.AbstractContextManager[Any]: ...
    def backward(self, loss: Tensor, *, last: bool) -> None: ...
    def step(self, lr: float) -> None: ...
    def weights(self) -> State: ...
    def load_weights(self, state: Mapping[str, Tensor]) -> None: ...
    def save(self, folder: Path) -> None: ...
    def restore(self, folder: Path) -> None: ...
    def close(self) -> None: ...


class TorchEngine:
    """Plain torch, data-parallel by one all-reduce of the gradients per step."""

    def __init__(self, model: nn.Module, recipe: TrainSpec, worker: Worker) -> None:
        self.worker = worker
        self.model = model.to(worker.device)
        self._recipe = recipe
        self._trainable = [p for p in model.parameters() if p.requires_grad]
        self._optimizer = build_optimizer(self._trainable, recipe, fused=worker.device.type == "cuda")

    def forward(self, *inputs: Tensor) -> Tensor:
        with precision(self._recipe, self.worker.device):
            outputs: Tensor = self.model(*inputs)
        return outputs

    @contextlib.contextmanager
    def asked(self) -> Iterator[Any]:
        """The model itself, for what is no forward pass of a batch: without gradients, in the recipe's precision."""
        with torch.no_grad(), precision(self._recipe, self.worker.device):
            yield self.model

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

    def close(self) -> None:
        """Nothing is held that the garbage collector would not free."""

    def _sum_gradients(self) -> None:
        reached = [p for p in self._trainable if p.grad is not None]  # the same ones on every worker
        flat = self.worker.sum(torch.cat([p.grad.flatten() for p in reached if p.grad is not None]))
        offset = 0
        for parameter in reached:
            parameter.grad = flat[offset : offset + parameter.numel()].view_as(parameter)
            offset += parameter.numel()


def build_optimizer(parameters: list[nn.Parameter], recipe: TrainSpec, *, fused: bool) -> torch.optim.AdamW:
    """AdamW on fp32 parameters, weight decay on all of them."""
    return torch.optim.AdamW(
        parameters,
        lr=recipe.lr,
        betas=(recipe.betas[0], recipe.betas[1]),
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
