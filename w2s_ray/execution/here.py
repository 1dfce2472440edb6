"""Compute a stage in this process: what every launcher ends in, and the whole of the in-process one."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from dataclasses import replace
from typing import Any

from w2s_ray.core.errors import EnvironmentFault
from w2s_ray.core.specs import Layout
from w2s_ray.execution.orders import Order
from w2s_ray.execution.provenance import provenance
from w2s_ray.stages.run import PLAIN, Errand, run_stage


async def launch_here(order: Order) -> None:
    """Compute a stage in this process, on a thread of its own that does not outlive the process's wish to end."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def settle(error: Exception | None) -> None:
        if done.done():  # nobody waits any more
            return
        done.set_result(None) if error is None else done.set_exception(error)

    def body() -> None:
        failure: Exception | None = None
        try:
            run_here(order.errand)
        except Exception as error:
            failure = error
        except BaseException as error:  # a library's sys.exit: the thread ends, and says so
            failure = RuntimeError(repr(error))
        with contextlib.suppress(RuntimeError):  # the loop has been closed
            loop.call_soon_threadsafe(settle, failure)

    threading.Thread(target=body, name=f"w2s-{order.errand.stage.kind}", daemon=True).start()
    await done


def run_here(errand: Errand) -> None:
    """Compute a stage in this process and thread."""
    errand = with_provenance(errand)
    if errand.stage.kind in PLAIN:
        run_stage(errand)
        return
    from w2s_ray.training.worker import Worker

    device = prepare_device(errand.layout)
    run_stage(errand, Worker(device=device))


def with_provenance(errand: Errand) -> Errand:
    """The errand as this process computes it: the record names its code, versions and hardware."""
    return replace(errand, provenance=provenance())


def prepare_device(layout: Layout) -> Any:
    """The torch device of a layout, with its thread count set: within one layout results are equal bit for bit."""
    import torch

    torch.set_num_threads(layout.threads)
    if layout.device == "cuda" and not torch.cuda.is_available():
        raise EnvironmentFault(
            "a stage was placed on a GPU, but torch sees none here; set `resources.gpus: 0`"
        )
    return torch.device(layout.device)
