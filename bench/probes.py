"""What probes cost beside the features that they share: one against many, on the same frozen model.

    python -m bench.probes MODEL_FOLDER ROWS [PROBES]

ROWS are those of SST-2: a file, or a folder of <split>.jsonl.gz. Features are computed once; each probe is a student
by the naive method on labels of the first one, and differs from the others in its seed alone. The ratio is that of
(features + PROBES probes) to (features + one probe); its budget is 1.2 for 32 probes.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from w2s_ray.core.graph import Stage, features_stage, probe_stage, split_stage
from w2s_ray.core.specs import Layout, TaskSpec, TrainSpec
from w2s_ray.methods.plan import NAIVE
from w2s_ray.models.resolve import ModelEntry, resolve_model
from w2s_ray.stages.run import Errand, run_stage
from w2s_ray.store import Store
from w2s_ray.tasks.files import source_of_files
from w2s_ray.training.worker import Worker

# The paper's probe (Burns et al. 2023, D.2).
RECIPE = TrainSpec(epochs=200, batch=128, lr=1e-3, schedule="constant", evals=20, selection="weak-val")
HALF, VALIDATION, TEST = 1000, 200, 500


def main(model_folder: str, rows: str, num: str = "32") -> None:
    """Print the seconds of the features, of one probe and of all, and the ratio."""
    torch.set_num_threads(1)
    model = resolve_model("bench", ModelEntry(source=model_folder, context=128, regime="probe"))
    source = source_of_files(rows)
    task = TaskSpec(name="sst2", version=1, source=source, half=HALF, validation=VALIDATION, test=TEST)
    split = split_stage(task, 0)
    features = features_stage(model=model.spec, split=split)
    common: dict[str, Any] = {"model": model.spec, "recipe": RECIPE, "split": split, "features": features}
    weak = probe_stage(half="weak", seed=0, **common)
    students = [
        probe_stage(half="transfer", seed=seed, method=NAIVE, labels=weak, **common)
        for seed in range(int(num))
    ]
    places = {source.digest: rows, model.spec.source.digest: str(model.place)}
    with tempfile.TemporaryDirectory(prefix="w2s-bench-") as folder:

        def seconds(stage: Stage) -> float:
            began = time.perf_counter()
            errand = Errand(
                stage=stage, store=f"{folder}/store", layout=Layout(checkpoint_s=0), places=places
            )
            run_stage(errand, Worker())
            return time.perf_counter() - began

        Store(f"{folder}/store")
        seconds(split)
        shared, _ = seconds(features), seconds(weak)
        probes = [seconds(student) for student in students]
    one, every = shared + probes[0], shared + sum(probes)
    print(
        f"features {shared:.1f} s, a probe {sum(probes) / len(probes):.2f} s, {num} probes {sum(probes):.1f} s"
    )
    print(f"features + {num} probes / features + 1 probe: {every / one:.2f} (budget 1.2)")


if __name__ == "__main__":
    main(str(Path(sys.argv[1])), *sys.argv[2:])
