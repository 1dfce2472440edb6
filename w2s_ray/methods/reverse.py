"""Reverse KL and reverse cross-entropy (Yao et al. 2025)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from w2s_ray.methods.base import parameter, register_method

if TYPE_CHECKING:
    from torch import Tensor

FLOOR = (
    2.0**-23
)  # a probability nearer to 1 than this is 1 in fp32, so nothing surer is known of its complement


@register_method("reverse", version=1, kinds={"binary", "kclass", "pairwise"})
class Reverse:
    """Prefer a class that the weak model finds likely, instead of covering all that it finds possible.

    `form: kl`  KL(f || w) = sum_c f_c (log f_c - log w_c)
    `form: ce`  -sum_c f_c log w_c
    (Yao et al. 2025, "Revisiting Weak-to-Strong Generalization in Theory and Practice", arXiv 2502.11107)

    log w is taken of max(w, 2^-23), fp32's resolution at 1. Unlike with cross-entropy, a student that is sure
    of a class that the weak model excludes gets hardly any gradient. No parameter makes this `naive`.
    """

    form: str = parameter("kl", choices=("kl", "ce"), doc="reverse KL divergence, or reverse cross-entropy")

    def target(self, student_BC: Tensor, weak_BC: Tensor, *, prior: float, progress: float) -> Tensor:
        """The weak probabilities [batch, classes]."""
        return weak_BC

    def row_loss(self, outputs_MC: Tensor, goal_MC: Tensor) -> Tensor:
        """The loss of each row from logits [rows, classes] and weak probabilities."""
        log_MC = outputs_MC.log_softmax(-1)
        weak_log_MC = goal_MC.clamp(min=FLOOR).log()
        surprise_MC = log_MC - weak_log_MC if self.form == "kl" else -weak_log_MC
        return (log_MC.exp() * surprise_MC).sum(-1)
