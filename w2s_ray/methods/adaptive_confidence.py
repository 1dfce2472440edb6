"""Adaptive confidence: each row has its own weight of the student's guess (Guo et al. 2024)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from w2s_ray.methods.base import parameter, register_method

if TYPE_CHECKING:
    from torch import Tensor


@register_method("adaptive-confidence", version=1, kinds={"binary", "kclass", "pairwise"})
class AdaptiveConfidence:
    """Trust the student's own guess on a row as far as the weak label is not much less likely to it.

    (1 - a) KL(w || f) + a CE(f, argmax f),  a = sg(e^(s/T) / (e^(s/T) + e^(d/T)))   (Guo et al. 2024)
    s = CE(f, argmax f),  d = CE(f, argmax w)

    a is 1/2 where both name one class, and falls to 0 as the student is surer that the weak label is wrong.
    Up to a constant in f this is CE(f, (1 - a) w + a onehot(argmax f)), which is what is computed. T is 0.5
    for CIFAR-100 and 4 for ImageNet in github.com/ggjy/vision_weak_to_strong (`superalignment_threshold`).
    No parameter makes this `naive`: where both agree, half of the label is the hardened guess at any T.
    """

    temperature: float = parameter(0.5, ge=0.01, le=100, doc="T: high makes every weight 1/2")

    def target(self, student_BC: Tensor, weak_BC: Tensor, *, prior: float, progress: float) -> Tensor:
        """Probabilities [batch, classes] to learn."""
        from torch.nn.functional import one_hot

        own_B, named_B = student_BC.argmax(-1), weak_BC.argmax(-1)
        log_BC = student_BC.log()
        own_log_B1, named_log_B1 = (log_BC.gather(-1, index_B[:, None]) for index_B in (own_B, named_B))
        trust_B1 = ((named_log_B1 - own_log_B1) / self.temperature).sigmoid()
        return (1 - trust_B1) * weak_BC + trust_B1 * one_hot(own_B, weak_BC.shape[-1])
