"""Strong to strong: the student relabels its own data and a new one learns from that, again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from w2s_ray.core.specs import MethodSpec
from w2s_ray.methods.base import parameter, register_method
from w2s_ray.methods.plan import NAIVE, Labels, Plan

if TYPE_CHECKING:
    from w2s_ray.core.graph import Stage


@register_method("rounds", version=1, kinds={"binary", "kclass", "pairwise", "text"})
class Rounds:
    """Train the student by `then`, let it relabel what it learnt from, train a new one on that: `num` times.

    The last student is the one that counts; with 0 rounds it is the first.
    """

    num: int = parameter(1, ge=0, le=20, doc="relabellings")
    then: MethodSpec = parameter(NAIVE, doc="how each student learns")

    def student(self, plan: Plan, labels: Labels) -> Stage:
        """The last student."""
        for _ in range(self.num):
            labels = plan.taught(self.then, labels)
        return plan.student(self.then, labels)
