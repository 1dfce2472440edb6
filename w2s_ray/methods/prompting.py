"""Ask the strong model and train nothing: zero-shot and few-shot prompting (Burns et al. 2023, 5.2.1 and figure 9).

The prompt is the task's own: its text, then `Answer:` and a word for each class, unless the task says otherwise.
Pairs are refused, for a pair has no word for its better text; so are texts, for a model that was not taught to does not
end its answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from w2s_ray.methods.base import parameter, register_method
from w2s_ray.methods.plan import Labels, Plan

if TYPE_CHECKING:
    from w2s_ray.core.graph import Stage

CALIBRATE = "divide by the mean probability of each class over unlabelled rows (Zhou et al. 2024)"


@register_method("zero-shot", version=1, kinds={"binary", "kclass"}, asks=True)
class ZeroShot:
    """Score the words of the classes right after the question. No label is used, weak or true."""

    calibrate: bool = parameter(True, doc=CALIBRATE)

    def student(self, plan: Plan, labels: Labels) -> Stage:
        """The strong model as it is."""
        return plan.prompted(0, None, calibrate=self.calibrate)


@register_method("few-shot", version=1, kinds={"binary", "kclass"}, asks=True)
class FewShot:
    """Score the words of the classes after `k` examples of the transfer half and the question.

    The examples are drawn by the seed, the classes in turn, and are the same for every question; those that do not
    fit the context are left out, the first ones first.
    """

    k: int = parameter(5, ge=1, le=100, doc="examples in the prompt")
    labels: str = parameter("weak", choices=("weak", "gold"), doc="whose labels the examples have")
    calibrate: bool = parameter(True, doc=CALIBRATE)

    def student(self, plan: Plan, labels: Labels) -> Stage:
        """The strong model with the examples before each question."""
        given = labels if self.labels == "weak" else None
        return plan.prompted(self.k, given, calibrate=self.calibrate)
