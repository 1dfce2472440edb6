"""The confidence loss as EleutherAI's code computes it: for replications."""

from __future__ import annotations

from typing import TYPE_CHECKING

from w2s_ray.methods.base import parameter, register_method, warmed_up
from w2s_ray.methods.confidence_openai_repo import harden_at_quantile

if TYPE_CHECKING:
    from torch import Tensor

EPS = 1e-7  # theirs, in the log odds


@register_method(
    "confidence-eleuther",
    version=1,
    kinds={"binary", "pairwise"},
    coupled=True,
    naive_at={"alpha": 0.0},
)
class ConfidenceEleuther:
    """The confidence loss with a threshold from the batch's own labels, which may be balanced first.

    CE(f, (1 - a) w + a 1[f_0 < t]),  a = alpha * min(1, progress / warmup)
    (github.com/EleutherAI/w2s, w2s/loss.py, `log_confidence_loss`)

    t is the quantile of the batch's f_0 at the mean of w. With `labels: balanced` the log odds of w are first
    centred over the batch, and t is the median. Their warm-up is 100 steps of a default run's 1250 (20,000
    rows, 2 epochs, batch 32), so 0.08. They take t over each micro-batch; here it is over the global batch.
    """

    alpha: float = parameter(0.5, ge=0, le=1, doc="weight of the student's own guess after warm-up")
    warmup: float = parameter(0.08, ge=0, le=1, doc="fraction of all optimizer steps until alpha is reached")
    labels: str = parameter("soft", choices=("soft", "balanced"), doc="weak labels as they are, or centred")

    def target(self, student_BC: Tensor, weak_BC: Tensor, *, prior: float, progress: float) -> Tensor:
        """Probabilities [global batch, 2] to learn; `progress` is the fraction of steps done."""
        trust = warmed_up(self.alpha, warmup=self.warmup, progress=progress)
        label_BC = balanced(weak_BC) if self.labels == "balanced" else weak_BC
        share = label_BC.new_tensor(0.5) if self.labels == "balanced" else label_BC[:, 1].mean()
        return (1 - trust) * label_BC + trust * harden_at_quantile(student_BC, share)


def balanced(weak_BC: Tensor) -> Tensor:
    """Two-class probabilities whose log odds have mean 0 over the batch."""
    import torch

    odds_B = (weak_BC[:, 1] + EPS).log() - (1 - weak_BC[:, 1] + EPS).log()
    positive_B = (odds_B - odds_B.mean()).sigmoid()
    return torch.stack([1 - positive_B, positive_B], dim=-1)
