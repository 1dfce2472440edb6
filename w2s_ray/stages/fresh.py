"""Rows that a split has not used, in parts of the size of a half: for chains of students that each want their own.

Leaves `examples.parquet` with the parts `fresh1`, …; a part for which too few rows are left is not there, nor is
any after it. No row shares a group with a row of the split.
"""

from __future__ import annotations

import json
from dataclasses import replace

from w2s_ray.stages.job import Job, Outcome
from w2s_ray.stages.split import FILE, examples_of, trainable
from w2s_ray.tasks import task_of
from w2s_ray.tasks.examples import read_examples, write_examples
from w2s_ray.tasks.load import tables
from w2s_ray.tasks.selection import Pool, choose, usable


def run(job: Job, worker: object = None) -> Outcome:
    """Choose the parts. `job.stage.spec["parts"]` is how many are wanted; `worker` is not used."""
    split = job.stage.inputs["split"]
    spec, seed = split.spec["task"], split.spec["seed"]
    task, used = task_of(spec), read_examples(job.inputs["split"])
    half = int(json.loads((job.inputs["split"] / FILE).read_text())["sizes"]["half"])
    wanted = int(job.stage.spec["parts"])
    more = replace(
        spec, half=spec.half * (1 + wanted)
    )  # a task that is made here makes as many rows as are asked for
    pool = trainable(task, spec, tables(task, more, job.places))
    ids, groups = set(used.ids), set(used.groups)
    rest = Pool([item for item in pool.items if item.id not in ids and item.example.group not in groups])
    room = min(wanted, usable(rest.counts).total() // half)
    parts = choose(rest.items, {f"fresh{place + 1}": half for place in range(room)}, f"fresh {seed}")
    write_examples(job.out, examples_of(task, parts))
    counts = {name: len(items) for name, items in parts.items()}
    return Outcome(
        metrics={f"rows/{name}": float(num) for name, num in counts.items()}, facts={"parts": counts}
    )
