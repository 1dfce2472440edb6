"""Entropy and quadratic confidence: auxiliary terms with a gradient (Burns et al. 2023, appendix B)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from w2s_ray.methods.base import cross_entropy, parameter, register_method, warmed_up

if TYPE_CHECKING:
    from torch import Tensor


@register_method("entropy", version=1, kinds={"binary", "kclass", "pairwise"}, naive_at={"alpha": 0.0})
class Entropy:
    """Learn the weak labels, and be sure of something: the student's own uncertainty is part of the loss.

    (1 - a) CE(f, w) + a U(f),  a = alpha * min(1, progress / warmup)   (Burns et al. 2023, appendix B)

    `form: log`        U = -sum_c f_c log f_c, with two classes -(p log p + (1 - p) log(1 - p))
    `form: quadratic`  U = -1/2 sum_c (f_c - 1/C)^2, with two classes -(p - 1/2)^2

    U falls as confidence grows, so that lowering it makes the student surer. Unlike the guess of `confidence`
    it has a gradient.
    """

    form: str = parameter(
        "log", choices=("log", "quadratic"), doc="entropy, or squared distance from uniform"
    )
    alpha: float = parameter(0.5, ge=0, le=1, doc="weight of the student's uncertainty after warm-up")
    warmup: float = parameter(0.2, ge=0, le=1, doc="fraction of all optimizer steps until alpha is reached")

    def target(self, student_BC: Tensor, weak_BC: Tensor, *, prior: float, progress: float) -> Tensor:
        """Goals [batch, classes + 1]: the weak probabilities, and a."""
        import torch

        trust = warmed_up(self.alpha, warmup=self.warmup, progress=progress)
        return torch.cat([weak_BC, torch.full_like(weak_BC[:, :1], trust)], dim=-1)

    def row_loss(self, outputs_MC: Tensor, goal_MC: Tensor) -> Tensor:
        """The loss of each row from logits [rows, classes] and goals [rows, classes + 1]."""
        weak_MC, trust_M = goal_MC[:, :-1], goal_MC[:, -1]
        log_MC = outputs_MC.log_softmax(-1)
        f_MC = log_MC.exp()
        if self.form == "log":
            uncertainty_M = -(f_MC * log_MC).sum(-1)
        else:
            uncertainty_M = -(f_MC - 1 / f_MC.shape[-1]).square().sum(-1) / 2
        return (1 - trust_M) * cross_entropy(outputs_MC, weak_MC) + trust_M * uncertainty_M
