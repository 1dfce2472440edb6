"""Prompt: a language model is asked for a class, after a few examples or none, and nothing is trained.

A class's score is the probability of its words right after the prompt (Burns et al. 2023, 5.2.1), among those of
all classes. Calibrated, it is divided by its mean over unlabelled rows, as batch calibration does (Zhou et al. 2024,
arXiv 2309.17249); here these are the validation rows. A content-free input (Zhao et al. 2021) has no meaning in a
task whose texts are of one form.

Always in fp32, as features are. Leaves `predictions.parquet` and `metrics.json` as a training does, and no curve.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from w2s_ray.core.errors import DataError
from w2s_ray.core.identity import derived_seed
from w2s_ray.core.specs import ModelSpec, PromptSpec
from w2s_ray.stages.finetune import model_folder, vocabulary_of
from w2s_ray.stages.job import Job, Outcome
from w2s_ray.stages.material import LESSON, Material
from w2s_ray.stages.predictions import Predictions
from w2s_ray.stages.results import write_answers
from w2s_ray.stages.shots import draw_shots, shown, write_prompts
from w2s_ray.training.worker import Worker

BATCH = 32  # prompts in a forward pass


def run(job: Job, worker: Worker) -> Outcome:
    """Ask, and write the two files. `job.stage.spec` holds `model`, `prompt`, `shots`, `calibrate`, `seed`, `half`."""
    from w2s_ray.training.choose import choose

    spec, material, built = job.stage.spec, Material(job), _built(job)
    prompt: PromptSpec = spec["prompt"]
    words = [_tokens(built, word) for group in prompt.words for word in group]
    rows = np.concatenate([material.rows(split) for split in material.predicted])
    asked, shots = material.examples.take(rows.tolist()), _shots(material, prompt)
    prompts, kept_N = write_prompts(built, prompt, asked, shots, room=max(map(len, words)))
    if shots and not kept_N.any():
        raise DataError(
            f"few-shot: no example fits the {built.max_tokens} tokens of the model beside a question; "
            "a longer `context`, or zero-shot"
        )
    log_p_NW = choose(
        built.generator.to(worker.device),
        prompts,
        words,
        batch=BATCH,
        pad_id=built.tokenizer.pad_token_id,
        device=worker.device,
    )
    p_NC = class_probabilities(log_p_NW, [len(group) for group in prompt.words])
    if spec["calibrate"]:
        p_NC = calibrated(p_NC, np.isin(asked.splits, ("select", "tune")))
    metrics = write_answers(
        job.out, material, Predictions(ids=asked.ids, splits=asked.splits, p_NC=p_NC), leads=worker.leads
    )
    return Outcome(
        metrics=metrics | {"shots": float(kept_N.mean())},
        facts={
            "max_tokens": built.max_tokens,
            "num_parameters": sum(parameter.numel() for parameter in built.generator.parameters()),
        },
    )


def class_probabilities(log_p_NW: npt.NDArray[np.float32], sizes: list[int]) -> npt.NDArray[np.float32]:
    """Probabilities [rows, classes] among the classes from those of their words; class c has sizes[c] words."""
    groups = np.split(log_p_NW.astype(np.float64), np.cumsum(sizes)[:-1], axis=1)
    log_p_NC = np.stack([np.logaddexp.reduce(group, axis=1) for group in groups], axis=1)
    p_NC = np.exp(log_p_NC - np.logaddexp.reduce(log_p_NC, axis=1, keepdims=True))
    return np.asarray(p_NC, dtype=np.float32)


def calibrated(p_NC: npt.NDArray[np.float32], known_N: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """p / mean p over the rows `known_N`, normalised: on them no class is favoured before a row is read.

    Without such rows p stays as it is.
    """
    if not known_N.any():
        return p_NC
    prior_C = np.maximum(p_NC[known_N].mean(0, dtype=np.float64), np.finfo(np.float32).tiny)
    ratio_NC = p_NC / prior_C
    return np.asarray(ratio_NC / ratio_NC.sum(1, keepdims=True), dtype=np.float32)


def _built(job: Job) -> Any:
    from w2s_ray.models.generator import build_generator

    model: ModelSpec = job.stage.spec["model"]
    built = build_generator(
        model,
        model_folder(model, job.inputs, job.places),
        seed=derived_seed(job.stage.spec["seed"], "weights"),
        vocabulary=vocabulary_of(model),
    )
    built.generator.eval()
    return built


def _tokens(built: Any, word: str) -> list[int]:
    ids: list[int] = built.tokenizer(f" {word}", add_special_tokens=False)["input_ids"]
    if not ids or set(ids) == {built.tokenizer.unk_token_id}:
        raise DataError(f"the model's tokenizer does not know the word {word!r} that stands for a class")
    return ids


def _shots(material: Material, prompt: PromptSpec) -> list[str]:
    """The examples before every question, their classes as the role may see them."""
    spec = material.job.stage.spec
    if not spec["shots"]:
        return []
    classes_N = material.labels(LESSON).argmax(1)
    drawn = draw_shots(classes_N, spec["shots"], derived_seed(spec["seed"], "shots"))
    examples = material.examples.take(material.rows(LESSON)[drawn].tolist())
    return shown(prompt, examples, classes_N[drawn].tolist())
