"""The product confidence loss of the paper (Burns et al. 2023, appendix B)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from w2s_ray.methods.base import parameter, register_method

if TYPE_CHECKING:
    from torch import Tensor


@register_method(
    "product",
    version=1,
    kinds={"binary", "kclass", "pairwise"},
    naive_at={"student_power": 0.0, "weak_power": 1.0},
)
class Product:
    """Learn the product of what the weak model and the student believe, as of two experts.

    CE(f, sg(f^b w^a / sum_c f_c^b w_c^a)),  a = weak_power, b = student_power
    (Burns et al. 2023, appendix B; a = b = 1 in github.com/openai/weak-to-strong, `product_loss_fn`)

    Beliefs of 0 count as the smallest normal number, so that two that exclude each other cancel.
    """

    weak_power: float = parameter(1.0, ge=0, le=8, doc="exponent of the weak probabilities")
    student_power: float = parameter(1.0, ge=0, le=8, doc="exponent of the student's own probabilities")

    def target(self, student_BC: Tensor, weak_BC: Tensor, *, prior: float, progress: float) -> Tensor:
        """Probabilities [batch, classes] to learn."""
        import torch

        if self.student_power == 0 and self.weak_power == 1:
            return weak_BC
        tiny = torch.finfo(weak_BC.dtype).tiny
        weak_log_BC, student_log_BC = weak_BC.clamp(min=tiny).log(), student_BC.clamp(min=tiny).log()
        return (self.weak_power * weak_log_BC + self.student_power * student_log_BC).softmax(-1)
