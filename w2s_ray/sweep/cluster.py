"""The Ray that a sweep runs on: one that it joins, or one of its own. The only place that starts or joins one."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator, Sequence
from typing import Any

from w2s_ray.core.errors import BudgetError, EnvironmentFault
from w2s_ray.execution.orders import Order

TEMP_VARIABLE = "W2S_RAY_TEMP"  # where a Ray of our own keeps its session, if not in /tmp/ray
CONNECT_S = 10.0
ENVIRONMENT = {
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_TRAIN_V2_ENABLED": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Ctrl-C is the command line's
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
}


@contextlib.contextmanager
def cluster(address: str | None) -> Iterator[bool]:
    """A Ray connection; yields whether it joined a cluster that it does not own."""
    address = address or os.environ.get("RAY_ADDRESS") or "local"
    try:
        with own_signals():
            _connect(address)
        yield address != "local"
    finally:
        import ray

        ray.shutdown()


def _connect(address: str) -> None:
    os.environ.update({name: os.environ.get(name, value) for name, value in ENVIRONMENT.items()})
    check_reachable(address)
    import ray

    local: dict[str, Any] = {}
    if address == "local":
        local = {"include_dashboard": False, "num_cpus": os.cpu_count()}
        local |= {"_temp_dir": temporary} if (temporary := os.environ.get(TEMP_VARIABLE)) else {}
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **local)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise EnvironmentFault(f"no Ray cluster at {address!r}: {error}") from error
    logging.getLogger("ray.tune").setLevel(logging.ERROR)


def check_reachable(address: str) -> None:
    """Raise EnvironmentFault at once where nobody listens: Ray itself tries for minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon or not port.isdigit():
        return  # a word such as `local` or `auto`
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_S).close()
    except OSError as error:
        raise EnvironmentFault(
            f"no Ray cluster at {address!r}: {error.strerror or error}; is it up, and reachable from here?"
        ) from error


@contextlib.contextmanager
def own_signals() -> Iterator[None]:
    """Keep the process's answer to SIGTERM: Ray puts one of its own in the place, which exits with another code."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def check_room(orders: Sequence[Order]) -> None:
    """Raise BudgetError where a stage asks for more than this cluster, which does not grow, will ever have."""
    import ray

    total = ray.cluster_resources()
    for order in orders:
        wanted = order.resources
        for name, one in (("CPU", wanted.cpus), ("GPU", wanted.gpus)):
            if one * wanted.workers > total.get(name, 0) + 1e-9:
                raise BudgetError(
                    f"{order.errand.stage.key} asks for {wanted.workers} × {one:g} {name}, this Ray has "
                    f"{total.get(name, 0):g}; change `resources` or join a cluster by --address"
                )
