"""Labels that a strategy makes of other labels: filtered, hardened, averaged, or with errors put in.

Leaves `predictions.parquet` for the parts that all sources have in common, less the rows that have no label now.
"""

from __future__ import annotations

import numpy as np

from w2s_ray.methods import build_method
from w2s_ray.methods.plan import Given
from w2s_ray.stages.job import Job, Outcome
from w2s_ray.stages.predictions import Predictions, read_predictions, write_predictions
from w2s_ray.tasks.examples import Examples, read_examples


def run(job: Job, worker: object = None) -> Outcome:
    """Relabel by `job.stage.spec["method"]`. Sources are the inputs `labels0`, …; `worker` is not used."""
    places = [f"labels{place}" for place in range(len(job.inputs)) if f"labels{place}" in job.inputs]
    sources = [read_predictions(job.inputs[place]) for place in places]
    common = set(sources[0].ids).intersection(*(source.ids for source in sources[1:]))
    first = sources[0].take([row for row, name in enumerate(sources[0].ids) if name in common])
    known = _known(job).by_id(first.ids)
    made = build_method(job.stage.spec["method"]).relabel(
        Given(
            p_SNC=np.stack([source.by_id(first.ids).p_NC for source in sources]),
            parts_N=np.array(first.splits),
            truth_N=known.labels.astype(np.int64),
            lengths_N=np.array([max(map(len, map("".join, zip(*texts, strict=True))))
                                for texts in zip(known.contexts, known.texts, strict=True)]),
            seed=job.stage.inputs["split"].spec["seed"],
        )
    )  # fmt: skip
    kept = np.flatnonzero(made.kept_N).tolist()
    left = first.take(kept)
    write_predictions(
        job.out,
        Predictions(ids=left.ids, splits=left.splits, p_NC=made.p_NC[made.kept_N], texts=left.texts),
    )
    counts = {str(part): left.splits.count(str(part)) for part in np.unique(first.splits)}
    return Outcome(metrics={f"rows/{part}": float(num) for part, num in counts.items()})


def _known(job: Job) -> Examples:
    """The examples of the split, and of its fresh parts where they are in it."""
    known = read_examples(job.inputs["split"])
    return known + read_examples(job.inputs["fresh"]) if "fresh" in job.inputs else known
