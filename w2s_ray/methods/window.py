"""The confidence window of EleutherAI: sure students are left alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from w2s_ray.methods.base import parameter, register_method

if TYPE_CHECKING:
    from torch import Tensor


@register_method("window", version=1, kinds={"binary", "kclass", "pairwise"}, naive_at={"radius": 0.5})
class Window:
    """Learn the weak label only where the student is unsure.

    1[max_c f_c < 1/2 + radius] CE(f, w)
    (github.com/EleutherAI/w2s, w2s/loss.py, `confidence_window_loss`; their default radius is 0.15)

    Rows outside the window weigh 0, and still count in the mean over the batch. At radius 0.5 no row is
    outside.
    """

    radius: float = parameter(
        0.15, ge=0, le=0.5, doc="how far above 1/2 the student's largest probability may be"
    )

    def target(self, student_BC: Tensor, weak_BC: Tensor, *, prior: float, progress: float) -> Tensor:
        """Weak probabilities [batch, classes], or rows of zeros outside the window."""
        if self.radius == 0.5:
            return weak_BC
        unsure_B = student_BC.max(-1).values < 0.5 + self.radius
        return weak_BC * unsure_B[:, None]
