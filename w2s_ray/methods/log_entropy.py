"""The log-entropy loss of EleutherAI: the confidence loss without hardening."""

from __future__ import annotations

from typing import TYPE_CHECKING

from w2s_ray.methods.base import parameter, register_method, warmed_up

if TYPE_CHECKING:
    from torch import Tensor


@register_method("log-entropy", version=1, kinds={"binary", "kclass", "pairwise"}, naive_at={"alpha": 0.0})
class LogEntropy:
    """Trust the weak label less and the student's own soft guess more, as training goes on.

    CE(f, (1 - a) w + a sg(f)),  a = alpha * min(1, progress / warmup)
    (github.com/EleutherAI/w2s, w2s/loss.py, `log_confidence_loss` with harden=False; sg stops gradients)

    The gradient in the logits is (1 - a)(f - w), that of `naive` scaled down. Adam is blind to a constant
    scale, so the two differ only by the clipping and while a grows. Their warm-up is 100 steps of a default
    run's 1250 (20,000 rows, 2 epochs, batch 32), so 0.08.
    """

    alpha: float = parameter(0.5, ge=0, le=1, doc="weight of the student's own guess after warm-up")
    warmup: float = parameter(0.08, ge=0, le=1, doc="fraction of all optimizer steps until alpha is reached")

    def target(self, student_BC: Tensor, weak_BC: Tensor, *, prior: float, progress: float) -> Tensor:
        """Probabilities [batch, classes] to learn; `progress` is the fraction of steps done."""
        trust = warmed_up(self.alpha, warmup=self.warmup, progress=progress)
        return (1 - trust) * weak_BC + trust * student_BC
