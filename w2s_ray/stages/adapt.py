"""Adapt: a model reads the task's own texts first, without labels (generative finetuning, Burns et al. 2023, 5.2.2).

Language-model loss on the inputs of the half that the role will learn from, both texts of a pair, each context
with its text. Leaves `model/`, from which a finetune, features or prompts start as from a pretrained rung, and
`metrics.json`. Adapters are merged into the weights.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from w2s_ray.core.errors import DataError
from w2s_ray.core.identity import derived_seed
from w2s_ray.core.specs import ModelSpec
from w2s_ray.stages.finetune import engine_of, model_folder, vocabulary_of
from w2s_ray.stages.job import Job, Outcome
from w2s_ray.stages.keep import keep
from w2s_ray.stages.material import LESSON, Material
from w2s_ray.training.worker import Worker


def run(job: Job, worker: Worker) -> Outcome:
    """Read by the recipe, and write the model. `job.stage.spec` holds `model`, `recipe`, `seed` and `half`."""
    from w2s_ray.training.loop import train

    built = _built(job)
    lesson = _lesson(job, Material(job), built)
    engine = engine_of(job, worker, built.generator, built.generator.language_model)
    progress = train(
        engine,
        lesson,
        evaluate=lambda: (None, None),
        checkpoints=job.checkpoints(worker) if job.checkpoints else None,
        checkpoint_s=job.layout.checkpoint_s,
    )
    weights = engine.weights()
    engine.close()
    metrics = {
        "loss/first": progress.losses[0],
        "loss/last": float(np.mean(progress.losses[-50:])),
        "steps": float(progress.step),
    }
    if worker.leads:
        _save(job, weights)
        (job.out / "metrics.json").write_text(json.dumps(metrics, indent=1, sort_keys=True))
    return Outcome(metrics=metrics, facts={"texts": len(lesson.inputs), "max_tokens": built.max_tokens})


def _built(job: Job) -> Any:
    from w2s_ray.models.generator import build_generator

    model: ModelSpec = job.stage.spec["model"]
    return build_generator(
        model,
        model_folder(model, job.inputs, job.places),
        seed=derived_seed(job.stage.spec["seed"], "weights"),
        vocabulary=vocabulary_of(model),
    )


def _lesson(job: Job, material: Material, built: Any) -> Any:
    """Every text of the half: given its first token, it learns the others, in nats a token of the average text."""
    from w2s_ray.models.encode import encode
    from w2s_ray.training.answers import Answered, Likelihood
    from w2s_ray.training.loop import Lesson

    examples = material.examples.take(material.rows(LESSON).tolist())
    contexts, texts = (
        [part for parts in column for part in parts] for column in (examples.contexts, examples.texts)
    )
    encoded = [
        ids for ids in encode(built.tokenizer, contexts, texts, max_tokens=built.max_tokens) if len(ids) > 1
    ]
    if not encoded:
        raise DataError(f"no text of the {material.half} half has two tokens to learn language from")
    mean_tokens = np.mean([len(ids) - 1 for ids in encoded])
    return Lesson(
        inputs=Answered(
            prompts=[ids[:1] for ids in encoded],
            answers=[ids[1:] for ids in encoded],
            pad_id=built.tokenizer.pad_token_id,
        ),
        labels_NC=np.full((len(encoded), 1), 1 / mean_tokens, dtype=np.float32),
        objective=Likelihood(),
        prior=0.5,
        recipe=job.stage.spec["recipe"],
        seed=derived_seed(job.stage.spec["seed"], "order"),
        micro_tokens=job.layout.micro_tokens,
    )


def _save(job: Job, weights: Mapping[str, Any]) -> None:
    """Write the whole model from what was trained of it."""
    built = _built(job)
    keep(built.generator, built.generator.language_model, built.tokenizer, weights, job.out / "model")
