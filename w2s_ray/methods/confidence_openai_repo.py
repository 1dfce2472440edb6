"""The confidence loss as OpenAI's released code computes it: for replications, not for new studies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from w2s_ray.methods.base import parameter, register_method

if TYPE_CHECKING:
    from torch import Tensor


@register_method(
    "confidence-openai-repo",
    version=1,
    kinds={"binary", "pairwise"},
    coupled=True,
    naive_at={"alpha": 0.0},
)
class ConfidenceOpenAIRepo:
    """The confidence loss of the code that was released with the paper, its warm-up's jump included.

    CE(f, (1 - a) w + a 1[f_0 < t]),  a = alpha * (1 if progress > warmup else progress)
    (github.com/openai/weak-to-strong, weak_to_strong/loss.py, `logconf_loss_fn`)

    `progress` is not divided by `warmup`, so that a jumps from warmup * alpha to alpha. t is the quantile of
    the batch's f_0 at the batch's own mean weak label, not at the prior of the data; a row that equals t is
    called 0. alpha and warmup default to the code's 0.5 and 0.1.
    """

    alpha: float = parameter(
        0.5, ge=0, le=1, doc="weight of the student's own guess after the jump (`aux_coef`)"
    )
    warmup: float = parameter(0.1, ge=0, le=1, doc="fraction of all steps before the jump (`warmup_frac`)")

    def target(self, student_BC: Tensor, weak_BC: Tensor, *, prior: float, progress: float) -> Tensor:
        """Probabilities [global batch, 2] to learn; `progress` is the fraction of steps done."""
        trust = self.alpha * (1.0 if progress > self.warmup else progress)
        return (1 - trust) * weak_BC + trust * harden_at_quantile(student_BC, weak_BC[:, 1].mean())


def harden_at_quantile(student_BC: Tensor, share: Tensor) -> Tensor:
    """One-hot guesses [batch, 2]: class 1 where f_0 is below its quantile at `share`, a scalar in 0..1.

    Quantiles are interpolated linearly. About `share` of the rows are called 1, and none where all tie.
    """
    import torch

    threshold = torch.quantile(student_BC[:, 0], share.clamp(0, 1))
    positive_B = (student_BC[:, 0] < threshold).to(student_BC.dtype)
    return torch.stack([1 - positive_B, positive_B], dim=-1)
