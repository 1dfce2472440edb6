"""Learn the supervisor's answers without its doubts, whatever the loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

from w2s_ray.core.specs import MethodSpec
from w2s_ray.methods.base import parameter, register_method
from w2s_ray.methods.plan import NAIVE, Given, Labels, Made, Plan

if TYPE_CHECKING:
    from w2s_ray.core.graph import Stage


@register_method("harden", version=1, kinds={"binary", "kclass", "pairwise"})
class Harden:
    """Replace each weak label by onehot(argmax w); with `then: naive` this is naive with `labels: hard`."""

    then: MethodSpec = parameter(NAIVE, doc="how the student learns from hard labels")

    def student(self, plan: Plan, labels: Labels) -> Stage:
        """The student of the hard labels."""
        return plan.student(self.then, plan.relabelled("harden", {}, labels))

    def relabel(self, given: Given) -> Made:
        """One-hot labels; ties go to the earlier class."""
        import numpy as np

        p_NC = given.p_SNC[0]
        hard_NC = np.eye(p_NC.shape[1], dtype=np.float32)[p_NC.argmax(-1)]
        return Made(p_NC=hard_NC, kept_N=np.ones(len(p_NC), dtype=bool))
