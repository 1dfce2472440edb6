"""What training code knows of where it runs: a rank among others, a device, and how to reach the others.

No Ray here: a launcher makes the worker. `launch_here` and `launch_processes` need nothing but torch.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor
from torch.multiprocessing.spawn import spawn

CPU = torch.device("cpu")


@dataclass(frozen=True, kw_only=True)
class Worker:
    """One process of a stage. With several, a torch process group is already there."""

    rank: int = 0
    world_size: int = 1
    device: torch.device = CPU

    @property
    def leads(self) -> bool:
        """Whether this process writes what all have computed."""
        return self.rank == 0

    def sum(self, tensor: Tensor) -> Tensor:
        """The sum over all workers, in place."""
        if self.world_size > 1:
            dist.all_reduce(tensor)
        return tensor

    def any(self, flag: bool) -> bool:
        """Whether any worker says so; all must ask."""
        if self.world_size == 1:
            return flag
        return bool(self.sum(torch.tensor(float(flag), device=self.device)).item() > 0)

    def barrier(self) -> None:
        if self.world_size > 1:
            self.any(False)


def launch_here(work: Callable[[Worker], None], *, device: str = "cpu") -> None:
    """Run `work` in this process."""
    work(Worker(device=torch.device(device)))


def launch_processes(work: Callable[[Worker], None], *, world_size: int, device: str = "cpu") -> None:
    """Run a picklable `work` in `world_size` processes of this host, and return when all are done."""
    if world_size == 1:
        return launch_here(work, device=device)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # a fresh interpreter for each: a fork would share torch's threads
    spawn(_join, args=(work, world_size, port, device), nprocs=world_size)  # type: ignore[no-untyped-call]
    return None


def _join(rank: int, work: Callable[[Worker], None], world_size: int, port: int, device: str) -> None:
    local = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": world_size, "MASTER_PORT": port}
    os.environ.update({name: str(value) for name, value in local.items()}, MASTER_ADDR="127.0.0.1")
    place = torch.device(device, rank) if device == "cuda" else torch.device(device)
    if device == "cuda":
        torch.cuda.set_device(place)
    dist.init_process_group("nccl" if device == "cuda" else "gloo", rank=rank, world_size=world_size)
    try:
        worker = Worker(rank=rank, world_size=world_size, device=place)
        work(worker)
        worker.barrier()  # no worker tears down what another still talks to
    finally:
        dist.destroy_process_group()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # threads of gloo or DeepSpeed that outlive the interpreter's own end would abort the process
