"""Probe: a linear head learns from the frozen features of a model, by the same loop as a finetune.

It leaves the same three files, and its head where a finetune starts from that. Features are taken as they are, not
standardised: neither the paper's linear probes (Burns et al. 2023, D.1 and D.2) nor its released vision code do.
Unlike a classifier's, its head has a bias, as theirs has: it starts from no unembedding.
"""

from __future__ import annotations

from w2s_ray.core.identity import derived_seed
from w2s_ray.stages.activations import read_activations
from w2s_ray.stages.job import Job, Outcome
from w2s_ray.stages.learn import learn
from w2s_ray.stages.material import Material
from w2s_ray.training.worker import Worker

HEAD = "head.safetensors"


def run(job: Job, worker: Worker) -> Outcome:
    """Train by the recipe, predict every split the role owes, and write the three files."""
    from w2s_ray.models.head import HeadPlan, Probe, save_head
    from w2s_ray.training.engines import build_engine
    from w2s_ray.training.vectors import Vectors

    material, activations = Material(job), read_activations(job.inputs["features"])
    vectors = Vectors(x_NTD=activations.by_id(material.examples.ids))
    recipe = job.stage.spec["recipe"]
    plan = HeadPlan(num_classes=material.num_classes, num_texts=vectors.num_texts, init=recipe.head)
    probe = Probe(vectors.width, plan, seed=derived_seed(job.stage.spec["seed"], "weights"))
    trained = sum(parameter.numel() for parameter in probe.parameters())
    engine = build_engine(probe, recipe, job.layout, worker)
    metrics = learn(job, worker, material, engine, vectors)
    if job.stage.spec.get("keeps_head") and worker.leads:
        save_head(probe, job.out / HEAD)
    return Outcome(
        metrics=metrics,
        facts={
            "head": "zero" if recipe.head == "zero" else "small",
            "num_parameters": activations.num_parameters + trained,
            "num_trained": trained,
        },
    )
