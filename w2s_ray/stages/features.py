"""Features: what a frozen model makes of every example of a split, computed once for all probes.

Always in fp32: the features are shared by recipes of any precision. Texts go in batches of similar length, and
give the pooled hidden state that a finetuned head would see. Images are read from the task's source again, a
batch at a time, and meet the examples by content.
"""

from __future__ import annotations

import itertools
import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from w2s_ray.core.errors import DataError
from w2s_ray.core.identity import derived_seed
from w2s_ray.stages.activations import Activations, write_activations
from w2s_ray.stages.finetune import model_folder, vocabulary_of
from w2s_ray.stages.job import Job, Outcome
from w2s_ray.tasks import task_of
from w2s_ray.tasks.examples import Examples, read_examples
from w2s_ray.training.worker import Worker

log = logging.getLogger(__name__)
BATCH = 64  # examples in a forward pass


def run(job: Job, worker: Worker) -> Outcome:
    """Compute the features of all examples, and write them. `job.stage.spec` holds `model`."""
    examples = read_examples(job.inputs["split"])
    facts = json.loads((job.inputs["split"] / "split.json").read_text())
    found = (_of_images if facts["medium"] == "image" else _of_texts)(job, worker, examples)
    if worker.leads:
        write_activations(job.out, found)
    width = found.x_NTD.shape[-1]
    log.info("features of %d examples, %d wide", len(found.ids), width)
    return Outcome(
        metrics={"rows": float(len(found.ids))},
        facts={"width": width, "num_parameters": found.num_parameters},
    )


def _of_texts(job: Job, worker: Worker, examples: Examples) -> Activations:
    import torch

    from w2s_ray.models.build import build
    from w2s_ray.models.encode import encode
    from w2s_ray.models.head import HeadPlan
    from w2s_ray.training.batches import Tokens

    model, num_texts = job.stage.spec["model"], len(examples.texts[0])
    built = build(
        replace(
            model, pretrained=model.pretrained or "base" in job.inputs
        ),  # a finetuned control has learnt weights
        model_folder(model, job.inputs, job.places),
        HeadPlan(num_classes=2, num_texts=num_texts, init="zero"),  # unused: a probe has its own
        seed=_seed(job),
        vocabulary=vocabulary_of(model),
    )
    flat = encode(
        built.tokenizer,
        [context for contexts in examples.contexts for context in contexts],
        [text for texts in examples.texts for text in texts],
        max_tokens=built.max_tokens,
    )
    tokens = Tokens(texts=[[ids] for ids in flat], pad_id=built.tokenizer.pad_token_id)
    classifier = built.classifier.eval().to(worker.device)
    order = np.argsort(tokens.lengths, kind="stable")
    rows: list[npt.NDArray[np.float32]] = []
    with torch.no_grad():
        for start in range(0, len(order), BATCH):
            inputs = tokens.tensors(order[start : start + BATCH], worker.device)
            rows.append(classifier.pooled(*inputs).float().cpu().numpy())
    x_ND = np.empty((len(order), rows[0].shape[1]), dtype=np.float32)
    x_ND[order] = np.concatenate(rows)
    return Activations(
        ids=examples.ids,
        x_NTD=x_ND.reshape(len(examples), num_texts, -1),
        num_parameters=sum(parameter.numel() for parameter in classifier.backbone.parameters()),
    )


def _of_images(job: Job, worker: Worker, examples: Examples) -> Activations:
    import torch

    from w2s_ray.models.vision import build_extractor
    from w2s_ray.tasks.images import decode

    model = job.stage.spec["model"]
    made_here = model.source.kind in ("world", "package")
    folder = None if made_here else model_folder(model, job.inputs, job.places)
    extractor = build_extractor(model, folder, seed=_seed(job))
    network = extractor.network.to(worker.device)
    ids: list[str] = []
    rows: list[npt.NDArray[np.float32]] = []
    found = _images(job, set(examples.ids))
    with torch.no_grad():
        while batch := list(itertools.islice(found, BATCH)):
            images = np.stack([extractor.prepare(decode(encoded)) for _, encoded in batch])
            rows.append(network(torch.from_numpy(images).to(worker.device)).cpu().numpy())
            ids += [name for name, _ in batch]
    missing = set(examples.ids) - set(ids)
    if missing:
        raise DataError(
            f"{len(missing)} of {len(examples)} images are no longer in the rows of the task, "
            f"{min(missing)} first: the source has changed since it was split"
        )
    return Activations(
        ids=tuple(ids), x_NTD=np.concatenate(rows)[:, None], num_parameters=extractor.num_parameters
    )


def _images(job: Job, wanted: set[str]) -> Iterator[tuple[str, bytes]]:
    """(id, encoded image) of each wanted example, once, as the task's rows come."""
    from w2s_ray.tasks.load import examples_in, tables
    from w2s_ray.tasks.selection import item_of

    spec = job.stage.inputs["split"].spec["task"]
    task, left = task_of(spec), set(wanted)
    for table in tables(task, spec, job.places).values():
        for examples in examples_in(task, table):
            for example in examples:
                name = item_of(example).id
                if name in left:
                    left.remove(name)
                    yield name, example.image
            if not left:
                return


def _seed(job: Job) -> Any:
    """What draws the weights of a model that is not pretrained: the seed of the split, which probes share."""
    return derived_seed(job.stage.inputs["split"].spec["seed"], "weights")
