"""What the engine costs beside the training: commands in seconds, and a stage that does next to nothing.

    python -m bench.overheads [--ray]

Prints each figure with its budget. A stage is the split of a four-row task: broker, lease, worker, store and
tracking are all there, the work is a few milliseconds.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from w2s_ray.core.graph import Stage, split_stage
from w2s_ray.core.specs import Resources, Source, TaskSpec
from w2s_ray.execution.broker import Broker
from w2s_ray.execution.here import launch_here
from w2s_ray.execution.launch import RayLauncher
from w2s_ray.execution.orders import Order
from w2s_ray.execution.slots import Capacity
from w2s_ray.stages.run import Errand
from w2s_ray.store import Store
from w2s_ray.tracking import Tracker, default_uri, stage_run

QUICKSTART = "sweeps/quickstart.yaml"
NUM_STAGES = 60
SWEEP = "from w2s_ray.cli import sweep_main as command; command()"
PLAN = "from w2s_ray.cli import main as command; command()"


def seconds_of(code: str, *words: str, repeats: int = 5) -> float:
    """Median seconds of a whole Python process."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", code, *words], capture_output=True, check=False)
        times.append(time.perf_counter() - started)
    return median(times)


def stages(count: int) -> list[Stage]:
    """Different stages of next to no work."""
    task = TaskSpec(
        name="agree", version=1, source=Source(kind="world", name="agree"), half=4, validation=4, test=4
    )
    return [split_stage(task, seed) for seed in range(count)]


def order(stage: Stage, store: Store, launcher: str) -> Order:
    resources = Resources(launcher=launcher)  # type: ignore[arg-type]
    return Order(errand=Errand(stage=stage, store=store.url), resources=resources)


def seconds_per_stage(launch: Callable[[Order], object], launcher: str, folder: Path) -> tuple[float, float]:
    """Seconds a stage through broker and store, and seconds more until it is in MLflow; one at a time, warm."""
    store = Store(folder / "store")
    tracker = Tracker(default_uri(folder), "overheads", folder / "spool.jsonl")
    tracker.published()

    async def body() -> tuple[float, float]:
        broker = Broker(store, launch, Capacity(cpus=1))  # type: ignore[arg-type]
        todo = stages(NUM_STAGES + 5)
        broker.plan([order(stage, store, launcher) for stage in todo], {})
        for stage in todo[:5]:  # warm
            await broker.ensure(stage)
        started = time.perf_counter()
        records = [(stage, await broker.ensure(stage)) for stage in todo[5:]]
        computed = time.perf_counter()
        for stage, record in records:
            tracker.put(stage_run("overheads", stage, record, store, reused=False))
        tracker.flush(60)
        published = time.perf_counter()
        broker.close()
        return (computed - started) / NUM_STAGES, (published - computed) / NUM_STAGES

    try:
        return asyncio.run(body())
    finally:
        tracker.close()


def bare_seconds(folder: Path) -> float:
    """Seconds of the same work without broker, lease or tracking, for the ratio."""
    from w2s_ray.stages.run import run_stage

    store = Store(folder / "bare")
    todo = stages(NUM_STAGES + 5)
    for stage in todo[:5]:
        run_stage(Errand(stage=stage, store=store.url))
    started = time.perf_counter()
    for stage in todo[5:]:
        run_stage(Errand(stage=stage, store=store.url))
    return (time.perf_counter() - started) / NUM_STAGES


def show(name: str, value: float, budget: str, unit: str = "s") -> None:
    print(f"{name:58} {value:8.3f} {unit:3} {budget}")


def main() -> None:
    bare = seconds_of("pass")
    show("python, nothing imported", bare, "")
    show("w2s-sweep --help", seconds_of(SWEEP, "--help"), "budget 0.4")
    show("w2s plan sweeps/quickstart.yaml", seconds_of(PLAN, "plan", QUICKSTART), "budget 1")
    show("a config error", seconds_of(SWEEP, QUICKSTART, "--set", "methods=[naiv]"), "budget 1")
    with tempfile.TemporaryDirectory() as folder:
        work = 1000 * bare_seconds(Path(folder))
        computed, published = seconds_per_stage(launch_here, "here", Path(folder))
        show("the stage's own work (run_stage alone)", work, "", "ms")
        show(
            "no-op stage, in process: broker + store",
            1000 * computed,
            f"{1000 * computed / work:.1f} x",
            "ms",
        )
        show("no-op stage, in process: + tracking", 1000 * (computed + published), "budget 100", "ms")
    if "--ray" in sys.argv:
        on_ray()


def on_ray() -> None:
    """The same stage on a warm Ray actor."""
    from w2s_ray.sweep.tuner import cluster

    with cluster("local"), tempfile.TemporaryDirectory() as folder:
        computed, published = seconds_per_stage(RayLauncher(), "actor", Path(folder))
        show("no-op stage, warm actor: broker + store", 1000 * computed, "", "ms")
        show("no-op stage, warm actor: + tracking", 1000 * (computed + published), "budget 100", "ms")


if __name__ == "__main__":
    main()
