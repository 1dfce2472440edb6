"""The auxiliary confidence loss of the paper (Burns et al. 2023, section 4.3.2 and appendix A.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from w2s_ray.methods.base import parameter, register_method, warmed_up

if TYPE_CHECKING:
    from torch import Tensor


@register_method(
    "confidence",
    version=1,
    kinds={"binary", "kclass", "pairwise"},
    coupled=True,
    naive_at={"alpha": 0.0},
)
class Confidence:
    """Trust the weak label less, and the student's own hardened guess more, as training goes on.

    CE(f, (1 - a) w + a g),  a = alpha * min(1, progress / warmup)   (Burns et al. 2023, A.4)

    With two classes g = 1[f > t], where t makes exactly the prior's share of the *global* batch positive;
    with more, g is the arg-max. At alpha = 0 this is `naive`. The paper's alpha is 0.75 for its largest
    students and 0.5 otherwise, its warm-up 0.2 of training. To replicate numbers of released code take
    `confidence-openai-repo` or `confidence-eleuther`: their thresholds and warm-ups are others.
    """

    alpha: float = parameter(0.5, ge=0, le=1, doc="weight of the student's own guess after warm-up")
    warmup: float = parameter(0.2, ge=0, le=1, doc="fraction of all optimizer steps until alpha is reached")

    def target(self, student_BC: Tensor, weak_BC: Tensor, *, prior: float, progress: float) -> Tensor:
        """Probabilities [global batch, classes] to learn; `progress` is the fraction of steps done."""
        trust = warmed_up(self.alpha, warmup=self.warmup, progress=progress)
        if trust == 0:
            return weak_BC
        return (1 - trust) * weak_BC + trust * harden(student_BC, prior)


def harden(student_BC: Tensor, prior: float) -> Tensor:
    """One-hot guesses [batch, classes]: arg-max, or for two classes the `round(prior * batch)` rows whose
    probability of class 1 is highest. Ties go to the earlier row, so the share is exact."""
    import torch

    num_rows, num_classes = student_BC.shape
    if num_classes > 2:
        guess_B = student_BC.argmax(-1)
    else:
        order_B = torch.argsort(student_BC[:, 1], descending=True, stable=True)
        guess_B = torch.zeros(num_rows, dtype=torch.long, device=student_BC.device)
        guess_B[order_B[: round(prior * num_rows)]] = 1
    return torch.nn.functional.one_hot(guess_B, num_classes).to(student_BC.dtype)
