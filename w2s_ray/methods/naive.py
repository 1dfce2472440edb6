"""Naive finetuning on weak labels: the baseline of every weak-to-strong experiment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from w2s_ray.methods.base import parameter, register_method

if TYPE_CHECKING:
    from torch import Tensor


@register_method("naive", version=1, kinds={"binary", "kclass", "pairwise", "text"})
class Naive:
    """Learn the weak labels as they are (Burns et al. 2023, section 3).

    CE(f, w), or with `labels: hard` CE(f, onehot(argmax w)).
    """

    labels: str = parameter("soft", choices=("soft", "hard"), doc="probabilities, or their arg-max")

    def target(self, student_BC: Tensor, weak_BC: Tensor, *, prior: float, progress: float) -> Tensor:
        """Probabilities [batch, classes] to learn."""
        if self.labels == "soft":
            return weak_BC
        from torch.nn.functional import one_hot

        return one_hot(weak_BC.argmax(-1), weak_BC.shape[-1]).to(weak_BC.dtype)
