"""Learn from the truth with errors of a chosen structure, at a chosen rate (Burns et al. 2023, figure 25)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from w2s_ray.core.specs import MethodSpec
from w2s_ray.methods.base import parameter, register_method
from w2s_ray.methods.plan import NAIVE, Given, Labels, Made, Plan

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from w2s_ray.core.graph import Stage

STRUCTURES = ("supervisor", "random", "longest", "shortest", "unsure", "sure")


@register_method("simulated-errors", version=1, kinds={"binary", "kclass", "pairwise"})
class SimulatedErrors:
    """Hard true labels, wrong in `rate` of the rows of each part; where they are wrong is the `structure`.

    `supervisor`: the supervisor's own mistakes (its hard labels, whatever the rate). Else at random, in the
    longest or shortest inputs, where a strong model trained on the weak half's truth is least sure of its
    answer, or most sure of the right one. A rate of 0 matches the supervisor's own, part by part. A wrong
    label is a class drawn among the others. The weak score of a cell stays that of the pair's supervisor, which
    is one of these labels' at the matched rate alone.
    """

    structure: str = parameter("random", choices=STRUCTURES, doc="where the labels are wrong")
    rate: float = parameter(0.0, ge=0, le=1, doc="share of wrong labels; 0 is that of the supervisor")
    then: MethodSpec = parameter(NAIVE, doc="how the student learns from them")

    def student(self, plan: Plan, labels: Labels) -> Stage:
        """The student of the simulated labels."""
        params = {"structure": self.structure, "rate": self.rate}
        sources = [labels]
        if self.structure in ("unsure", "sure"):
            sources.append(plan.supervisor(plan.strong))
        return plan.student(self.then, plan.relabelled("simulated-errors", params, *sources))

    def relabel(self, given: Given) -> Made:
        """Certain labels; validation rows get errors too, for a student may see nothing better there."""
        import numpy as np

        num_classes = given.p_SNC.shape[2]
        weak_N = given.p_SNC[0].argmax(-1)
        class_N = given.truth_N.copy()
        if self.structure == "supervisor":
            class_N = weak_N
        else:
            rng = np.random.default_rng([given.seed, STRUCTURES.index(self.structure)])
            score_N, other_N = self._score(given, rng), rng.integers(1, num_classes, len(class_N))
            for part in np.unique(given.parts_N):
                rows = np.flatnonzero(given.parts_N == part)
                rate = self.rate or float(np.mean(weak_N[rows] != given.truth_N[rows]))
                wrong = rows[np.argsort(-score_N[rows], kind="stable")][: round(rate * len(rows))]
                class_N[wrong] = (class_N[wrong] + other_N[wrong]) % num_classes
        return Made(
            p_NC=np.eye(num_classes, dtype=np.float32)[class_N], kept_N=np.ones(len(class_N), dtype=bool)
        )

    def _score(self, given: Given, rng: np.random.Generator) -> npt.NDArray[np.float64]:
        """The higher, the sooner a row's label is wrong."""
        import numpy as np

        random_N = rng.random(len(given.truth_N))
        if self.structure in ("longest", "shortest"):
            length_N = given.lengths_N.astype(np.float64)
            return length_N if self.structure == "longest" else -length_N
        if self.structure == "unsure":
            unsure_N: npt.NDArray[np.float64] = -given.p_SNC[1].max(-1).astype(np.float64)
            return unsure_N
        if self.structure == "sure":
            right_N: npt.NDArray[np.float64] = given.p_SNC[1][np.arange(len(random_N)), given.truth_N].astype(
                np.float64
            )
            return right_N
        return random_N
