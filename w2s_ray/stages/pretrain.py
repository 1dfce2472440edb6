"""Pretrain a rung of the offline ladder, on the generated world or on a corpus of files, and ask what it knows.

Leaves `model/` (configuration, safetensors, tokenizer) and `metrics.json`. Of the world, the tasks' questions
are asked zero-shot: that, not the loss, is the health check, for a larger rung should hold every latent concept.
Of a corpus, texts that were held out are predicted.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from w2s_ray.core.identity import derived_seed
from w2s_ray.core.specs import ModelSpec
from w2s_ray.stages.job import Job, Outcome
from w2s_ray.training.worker import Worker

GENRES = ("review", "agree", "board")
NUM_PROBES = 1000
TASKS = {"review": ("review", "pref"), "agree": ("agree",), "board": ("board",)}  # that rest on a genre


def run(job: Job, worker: Worker) -> Outcome:
    """Train on packed documents in order, write the model, and measure what it knows."""
    import torch
    from transformers import GPTNeoXForCausalLM

    from w2s_ray.models import tiny
    from w2s_ray.models.build import quiet
    from w2s_ray.tasks.world import VOCABULARY
    from w2s_ray.training.language import LanguageRecipe, train_language

    quiet()
    model_spec: ModelSpec = job.stage.spec["model"]
    seed: int = job.stage.spec["seed"]
    size = tiny.size_of(model_spec.source.name)
    config, tokenizer = tiny.config_and_tokenizer(model_spec, VOCABULARY)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derived_seed(seed, "weights"))
        model = GPTNeoXForCausalLM(config)
    assert len(model.gpt_neox.rotary_emb.inv_freq) * 2 == size.hidden // size.heads, "rotary covers the head"
    lesson = (_files if model_spec.corpus else _world)(job, tokenizer)
    losses = train_language(
        model, lesson.batches_SRT, LanguageRecipe(lr=size.lr), pad_id=tokenizer.pad_token_id
    )
    known = lesson.exam(model)
    metrics = {
        "loss/last": sum(losses[-50:]) / len(losses[-50:]),
        "loss/first": losses[0],
        "steps": float(len(losses)),
        **known,
    }
    save(model, tokenizer, job.out / "model")
    (job.out / "metrics.json").write_text(json.dumps(metrics, indent=1, sort_keys=True))
    facts: dict[str, Any] = {"num_parameters": sum(p.numel() for p in model.parameters())}
    on_ladder = not (model_spec.config or model_spec.corpus)  # an overridden size is no rung of the ladder
    floors = size.zero_shot if on_ladder else {}
    faults = zero_shot_faults({genre: known[f"zero_shot/{genre}"] for genre in floors}, floors)
    return Outcome(metrics=metrics, facts=facts | {"faults": faults})


@dataclass(frozen=True, kw_only=True, eq=False)
class _Lesson:
    """Token ids to learn from, [steps, rows, tokens], and what is asked afterwards: metrics of the model."""

    batches_SRT: Any
    exam: Callable[[Any], Mapping[str, float]]


def _world(job: Job, tokenizer: Any) -> _Lesson:
    seed: int = job.stage.spec["seed"]
    return _Lesson(
        batches_SRT=packed_corpus(tokenizer, seed=derived_seed(seed, "corpus")),
        exam=lambda model: {
            f"zero_shot/{genre}": zero_shot(model, tokenizer, genre, seed=seed) for genre in GENRES
        },
    )


def _files(job: Job, tokenizer: Any) -> _Lesson:
    from w2s_ray.stages.corpus import bits_per_byte, read_corpus

    spec: ModelSpec = job.stage.spec["model"]
    assert spec.corpus is not None
    seed = derived_seed(job.stage.spec["seed"], "corpus")
    corpus = read_corpus(spec.corpus, job.places, tokenizer, seed=seed)
    return _Lesson(
        batches_SRT=corpus.batches_SRT,
        exam=lambda model: {
            "bits_per_byte/held_out": bits_per_byte(model, corpus.held_out_RT, tokenizer.pad_token_id)
        },
    )


def save(model: Any, tokenizer: Any, folder: Path) -> None:
    """A folder as any loader of the hub expects it. The model's own `save_pretrained` would import DeepSpeed."""
    from safetensors.torch import save_file

    tokenizer.save_pretrained(folder)
    model.config.architectures = [type(model).__name__]
    model.config.save_pretrained(folder)
    weights: dict[int, tuple[str, Any]] = {}  # by place in memory: tied matrices are stored once
    for name, tensor in model.state_dict().items():
        weights.setdefault(tensor.data_ptr(), (name, tensor.contiguous()))
    save_file(dict(weights.values()), folder / "model.safetensors", metadata={"format": "pt"})


def zero_shot_faults(known: Mapping[str, float], floors: Mapping[str, float]) -> dict[str, list[str]]:
    """By task, the sentences that say which concept it rests on is not held; accuracies by genre, in 0..1."""
    return {
        task: [
            f"zero-shot {genre} {known[genre]:.3f} is below {floor}: the ladder's rung does not hold the "
            "concept; choose another pretrain_seed"
        ]
        for genre, floor in floors.items()
        if known[genre] < floor
        for task in TASKS[genre]
    }


def packed_corpus(tokenizer: Any, *, seed: int) -> Any:
    """Token ids [steps, rows, tokens]: whole documents in order, rows filled up with padding; none twice."""
    import torch

    from w2s_ray.models.tiny import ROW_TOKENS, ROWS, STEPS
    from w2s_ray.stages.corpus import packed_rows
    from w2s_ray.tasks.world import corpus

    vocabulary = tokenizer.get_vocab()
    documents = ([vocabulary[word] for word in words] for words in corpus(seed))
    rows = islice(packed_rows(documents, ROW_TOKENS, tokenizer.pad_token_id), STEPS * ROWS)
    return torch.tensor(list(rows)).view(STEPS, ROWS, ROW_TOKENS)


def zero_shot(model: Any, tokenizer: Any, genre: str, *, seed: int) -> float:
    """Share of hard prefixes after which the right class's answer words together are the most probable."""
    import torch

    from w2s_ray.tasks.world import probes

    asked = probes(genre, NUM_PROBES, seed)
    encoded = tokenizer(
        [probe.prefix for probe in asked], padding=True, padding_side="right", return_tensors="pt"
    )
    right = 0
    with torch.no_grad():
        for start in range(0, len(asked), 100):
            mask_RT = encoded["attention_mask"][start : start + 100]
            logits_RTV = model(
                input_ids=encoded["input_ids"][start : start + 100], attention_mask=mask_RT
            ).logits
            last_RV = logits_RTV[torch.arange(len(mask_RT)), mask_RT.sum(1) - 1].softmax(-1)
            for p_V, probe in zip(last_RV, asked[start : start + 100], strict=True):
                classes = [p_V[tokenizer.convert_tokens_to_ids(list(words))].sum() for words in probe.answers]
                right += int(torch.stack(classes).argmax()) == probe.label
    return right / len(asked)
