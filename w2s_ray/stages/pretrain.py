"""Pretrain a rung of the offline ladder on the generated corpus, and ask it the tasks' questions zero-shot.

Leaves `model/` (configuration, safetensors, tokenizer) and `metrics.json`. Zero-shot accuracy, not the loss,
is the health check: a larger rung should hold every latent concept.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
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
    """Train on packed documents in order, write the model, measure each genre's zero-shot accuracy."""
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
    tokenizer = tiny.build_tokenizer(VOCABULARY)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derived_seed(seed, "weights"))
        config = tiny.tiny_config(size, vocabulary=len(VOCABULARY), overrides=model_spec.config)
        model = GPTNeoXForCausalLM(config)
    assert len(model.gpt_neox.rotary_emb.inv_freq) * 2 == size.hidden // size.heads, "rotary covers the head"
    batches = packed_corpus(tokenizer, seed=derived_seed(seed, "corpus"))
    losses = train_language(model, batches, LanguageRecipe(lr=size.lr), pad_id=tokenizer.pad_token_id)
    metrics = {
        "loss/last": sum(losses[-50:]) / len(losses[-50:]),
        "loss/first": losses[0],
        "steps": float(len(losses)),
    }
    known = {genre: zero_shot(model, tokenizer, genre, seed=seed) for genre in GENRES}
    metrics |= {f"zero_shot/{genre}": accuracy for genre, accuracy in known.items()}
    save(model, tokenizer, job.out / "model")
    (job.out / "metrics.json").write_text(json.dumps(metrics, indent=1, sort_keys=True))
    facts: dict[str, Any] = {"num_parameters": sum(p.numel() for p in model.parameters())}
    floors = {} if model_spec.config else size.zero_shot  # an overridden size is no rung of the ladder
    return Outcome(metrics=metrics, facts=facts | {"faults": zero_shot_faults(known, floors)})


def save(model: Any, tokenizer: Any, folder: Path) -> None:
    """A folder as any loader of the hub expects it. The model's own `save_pretrained` would import DeepSpeed."""
    from safetensors.torch import save_file

    tokenizer.save_pretrained(folder)
    model.config.architectures = [type(model).__name__]
    model.config.save_pretrained(folder)
    weights = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


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
    from w2s_ray.tasks.world import corpus

    vocabulary = tokenizer.get_vocab()
    documents = ([vocabulary[word] for word in words] for words in corpus(seed))
    rows, row = [], [int(token) for token in next(documents)]
    for document in documents:
        if len(row) + len(document) > ROW_TOKENS:
            rows.append(row + [tokenizer.pad_token_id] * (ROW_TOKENS - len(row)))
            row = []
            if len(rows) == STEPS * ROWS:
                break
        row = row + document
    return torch.tensor(rows).view(STEPS, ROWS, ROW_TOKENS)


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
