"""Bootstrapping: up a ladder of models, each teaching the next (Burns et al. 2023, section 4.3.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from w2s_ray.core.specs import MethodSpec
from w2s_ray.methods.base import parameter, register_method
from w2s_ray.methods.plan import NAIVE, Labels, Plan

if TYPE_CHECKING:
    from w2s_ray.core.graph import Stage


@register_method("bootstrap", version=1, kinds={"binary", "kclass", "pairwise", "text"})
class Bootstrap:
    """weak → via[0] → via[1] → … → strong, each step taught by `then` from the labels of the one before.

    Each intermediate model learns from rows of its own while the task has enough of them (the paper's chess: a
    fresh 50k a step), else from the transfer half; the student learns from the transfer half always, the rows of
    its ceiling.
    """

    via: tuple[str, ...] = parameter((), doc="the models between weak and strong, by the sweep's names")
    then: MethodSpec = parameter(NAIVE, doc="how each step learns")

    @staticmethod
    def problem(params: Mapping[str, Any]) -> str:
        """Why there is no ladder to climb; "" where there is."""
        return "" if params["via"] else "names no model to go through, under via"

    def student(self, plan: Plan, labels: Labels) -> Stage:
        """The last student of the chain."""
        plan = plan.with_fresh(self.via)
        for step, model in enumerate(self.via, 1):
            labels = plan.taught(self.then, labels, model=model, part=f"fresh{step}")
        return plan.student(self.then, labels)
