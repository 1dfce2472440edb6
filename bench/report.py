"""What `w2s report` costs: seconds on experiments in sqlite, and how they grow with cells.

    python -m bench.report [CELLS ...]

Publishes synthetic experiments (two methods, ten seeds, five tasks a hundred cells; 400 test items) as a sweep would,
then runs the command in a process of its own, imports included. The budgets are 10 s and 5 MB of page for 500 cells,
60 s for 5,000. Publishing 5,000 takes minutes: name it to have it.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.tracking import synthetic
from w2s_ray.tracking import Tracker, default_uri

CELLS = (50, 500)
PAIRS = (("xs", "s"), ("xs", "m"), ("xs", "l"), ("s", "m"), ("s", "l"))
NUM_TASKS, NUM_SEEDS = 5, 10


def publish(folder: Path, num_cells: int) -> int:
    """An experiment "bench" of about so many cells; how many it has."""
    per_pair = len(synthetic.METHODS) * NUM_TASKS
    seeds = min(NUM_SEEDS, max(1, num_cells // (per_pair * len(PAIRS))))
    num_tasks = max(NUM_TASKS, num_cells // (len(synthetic.METHODS) * len(PAIRS) * seeds))
    sweep = synthetic.synthetic_sweep(
        folder / "store",
        tasks=tuple(f"task{number:02}" for number in range(num_tasks)),
        pairs=PAIRS,
        seeds=tuple(range(seeds)),
        flat=("task01",),
    )
    _one_after_another(sweep)
    tracker = Tracker(default_uri(folder), "bench", folder / "spool.jsonl")
    synthetic.publish(sweep, tracker, "bench")
    if not tracker.flush(3600) or tracker.close():
        raise SystemExit("the experiment was not written")
    return len(sweep.cells)


def _one_after_another(sweep: synthetic.Synthetic) -> None:
    """Stages end as on one worker, as no sweep runs all of them at once."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    for key, record in sweep.records.items():
        at += timedelta(seconds=record.seconds)
        sweep.records[key] = replace(record, finished=at.isoformat())


def report(folder: Path) -> float:
    """Seconds of the command."""
    command = [sys.executable, "-c", "from w2s_ray.cli.commands import main; main()", "report", "bench", "--json",
               "--tracking", default_uri(folder), "--out", str(folder / "out")]  # fmt: skip
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started


def main(sizes: tuple[int, ...]) -> None:
    before: tuple[int, float] | None = None
    for size in sizes:
        with tempfile.TemporaryDirectory() as name:
            folder, started = Path(name), time.perf_counter()
            cells = publish(folder, size)
            made, seconds = time.perf_counter() - started, report(folder)
            again = report(folder)
            page = (folder / "out" / "report.html").stat().st_size / 1e6
        growth = (
            f"   {seconds / before[1]:.1f} times for {cells / before[0]:.0f} times the cells"
            if before
            else ""
        )
        print(f"{cells:5} cells   report {seconds:5.1f} s   again {again:5.1f} s   page {page:.2f} MB   "
              f"(made in {made:.0f} s){growth}", flush=True)  # fmt: skip
        before = cells, seconds


if __name__ == "__main__":
    main(tuple(map(int, sys.argv[1:])) or CELLS)
