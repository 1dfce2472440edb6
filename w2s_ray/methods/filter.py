"""Learn only from the labels that the supervisor is most sure of (Burns et al. 2023, appendix B)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from w2s_ray.core.specs import MethodSpec
from w2s_ray.methods.base import parameter, register_method
from w2s_ray.methods.plan import NAIVE, Given, Labels, Made, Plan

if TYPE_CHECKING:
    from w2s_ray.core.graph import Stage


@register_method("filter", version=1, kinds={"binary", "kclass", "pairwise", "text"})
class Filter:
    """Keep a row where its label is among the surest `share` of its class, and at least `threshold` sure.

    A row's class is the likeliest one, its sureness that class's probability; ties go to the earlier id. With
    the defaults every row is kept. The student makes fewer steps: the recipe counts epochs.
    """

    threshold: float = parameter(0.0, ge=0, le=1, doc="least probability of the likeliest class")
    share: float = parameter(
        1.0, ge=0, le=1, doc="share of each class to keep, the surest first; at least one row"
    )
    then: MethodSpec = parameter(NAIVE, doc="how the student learns from what is left")

    def student(self, plan: Plan, labels: Labels) -> Stage:
        """The student of the labels that are left."""
        params = {"threshold": self.threshold, "share": self.share}
        return plan.student(self.then, plan.relabelled("filter", params, labels))

    def relabel(self, given: Given) -> Made:
        """The labels as they are, and which rows of each part are kept."""
        import numpy as np

        p_NC = given.p_SNC[0]
        sure_N, class_N = p_NC.max(-1), p_NC.argmax(-1)
        kept_N = ~given.learnable
        for part in np.unique(given.parts_N[given.learnable]):
            for label in range(p_NC.shape[1]):
                rows = np.flatnonzero((given.parts_N == part) & (class_N == label))
                first = rows[np.argsort(-sure_N[rows], kind="stable")][
                    : max(1, round(self.share * len(rows)))
                ]
                kept_N[first[sure_N[first] >= self.threshold]] = True
        return Made(p_NC=p_NC, kept_N=kept_N)
