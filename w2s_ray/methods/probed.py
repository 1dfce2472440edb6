"""What finetuning on weak labels made salient: a linear probe on the student (Burns et al. 2023, 5.2.3, figure 11)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from w2s_ray.core.specs import MethodSpec
from w2s_ray.methods.base import parameter, register_method
from w2s_ray.methods.plan import NAIVE, Labels, Plan

if TYPE_CHECKING:
    from w2s_ray.core.graph import Stage


@register_method("probed", version=1, kinds={"binary", "kclass", "pairwise"})
class Probed:
    """The student of `then`, frozen, with a linear head that learns the truth of the transfer half: ft(weak)+lp(gt).

    An analysis and no method: it sees the truth, as the ceiling does. The student is the one of the arm of `then`,
    trained once for both. The model must be finetuned.
    """

    then: MethodSpec = parameter(NAIVE, doc="how the student learns that is probed afterwards")

    def student(self, plan: Plan, labels: Labels) -> Stage:
        """The probe on that student."""
        return plan.probed(self.then, labels)
