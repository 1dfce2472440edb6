"""Pretrain a rung of the offline ladder on the generated corpus, and ask it the tasks' questions zero-shot.

Leaves `model/` (configuration, safetensors, tokenizer) and `metrics.json`. Zero-shot accuracy, not the loss,
is the health check: a larger rung should hold every latent concept.
"""

from __future__ import annotations

import json
from typing import Any

from w2s_ray.core.identity import derived_seed
from w2s_ray.core.specs import ModelSpec
from w2s_ray.stages.job import Job, Outcome
from w2s_ray.training.worker import Worker

GENRES = ("review", "agree", "board")
NUM_PROBES = 1000


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
    metrics |= {f"zero_shot/{genre}": zero_shot(model, tokenizer, genre, seed=seed) for genre in GENRES}
    model.save_pretrained(job.out / "model")
    tokenizer.save_pretrained(job.out / "model")
    (job.out / "metrics.json").write_text(json.dumps(metrics, indent=1, sort_keys=True))
    return Outcome(metrics=metrics, facts={"num_parameters": sum(p.numel() for p in model.parameters())})


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
