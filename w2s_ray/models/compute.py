"""What a model's pretraining cost: the compute axis of scaling figures.

C = 6 N D: N parameters, embeddings included, and D tokens of pretraining (Kaplan et al. 2020; with all parameters
as in Hoffmann et al. 2022).
"""

from __future__ import annotations

from w2s_ray.core.specs import ModelSpec
from w2s_ray.models.families.base import find_model
from w2s_ray.models.tiny import pretraining_tokens


def pretraining_flops(model: ModelSpec, num_parameters: int) -> float | None:
    """FLOPs of a model's pretraining, or None where nobody can say.

    That is: its tokens were never published, it is a local checkpoint, its weights are random, or its configuration
    was changed, so that it is not the model that was pretrained. Published models bring their number of parameters;
    `num_parameters` is that of a rung of the offline ladder.
    """
    if not model.pretrained:
        return None
    if model.family == "tiny":
        reads = model.corpus is None or bool(model.corpus.texts)
        return 6.0 * num_parameters * pretraining_tokens(model) if reads and num_parameters else None
    known = find_model(model.source.name) if model.source.kind == "hub" and not model.config else None
    return 6.0 * known[1].parameters * known[1].tokens if known and known[1].tokens else None
