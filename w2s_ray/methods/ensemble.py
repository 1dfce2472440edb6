"""Learn from several supervisors at once (Sang et al. 2024; Agrawal et al. 2024, EnsemW2S)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from w2s_ray.core.errors import DataError
from w2s_ray.core.specs import MethodSpec
from w2s_ray.methods.base import parameter, register_method
from w2s_ray.methods.plan import NAIVE, Given, Labels, Made, Plan

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from w2s_ray.core.graph import Stage

EPS = 1e-6  # keeps the weight of a faultless supervisor finite


@register_method("ensemble", version=1, kinds={"binary", "kclass", "pairwise"})
class Ensemble:
    """Average the labels of the weak model, of `others`, and of `repeats` more trainings of each.

    `boosted` weighs supervisor i by max(0, log((1 - e_i) / e_i) + log(K - 1)), e_i its error on the validation
    rows `select`, whose truth a ground-truth supervisor may see: the weights of multi-class AdaBoost (SAMME,
    Zhu et al. 2009) for supervisors that were trained apart. `mean` weighs all alike. The weak score of a cell
    stays that of the pair's one supervisor.
    """

    others: tuple[str, ...] = parameter((), doc="further weak models, by the sweep's names")
    repeats: int = parameter(
        0, ge=0, le=100, doc="further trainings of each weak model, from other weights and orders"
    )
    weights: str = parameter("mean", choices=("mean", "boosted"), doc="how supervisors are weighed")
    then: MethodSpec = parameter(NAIVE, doc="how the student learns from the averaged labels")

    @staticmethod
    def problem(params: Mapping[str, Any]) -> str:
        """Why there is nothing to average; "" where there is."""
        return "" if params["others"] or params["repeats"] else "an ensemble of one: name others, or repeats"

    def student(self, plan: Plan, labels: Labels) -> Stage:
        """The student of the averaged labels."""
        sources = [labels]
        sources += [plan.supervisor(repeat=repeat) for repeat in range(1, self.repeats + 1)]
        sources += [
            plan.supervisor(model, repeat=repeat)
            for model in self.others
            for repeat in range(self.repeats + 1)
        ]
        return plan.student(self.then, plan.relabelled("ensemble", {"weights": self.weights}, *sources))

    def relabel(self, given: Given) -> Made:
        """The weighted mean of the sources."""
        import numpy as np

        weight_S = np.ones(len(given.p_SNC)) if self.weights == "mean" else boosting_weights(given)
        if not weight_S.any():
            weight_S = np.ones(len(given.p_SNC))
        p_NC = np.tensordot(weight_S / weight_S.sum(), given.p_SNC, axes=1).astype(np.float32)
        return Made(p_NC=p_NC, kept_N=np.ones(len(p_NC), dtype=bool))


def boosting_weights(given: Given) -> npt.NDArray[np.float64]:
    """SAMME's weight of each source from its error on the rows `select`; 0 for one no better than chance.

    DataError where there are no such rows.
    """
    import numpy as np

    asked_N = given.parts_N == "select"
    if not asked_N.any():
        raise DataError(
            "ensemble: boosted weights come from errors on validation rows, and the task has none; "
            "give it `validation:` rows, or say `weights: mean`"
        )
    right_SN = given.p_SNC[:, asked_N].argmax(-1) == given.truth_N[asked_N]
    error_S = np.clip(1 - right_SN.mean(-1), EPS, 1 - EPS)
    weight_S: npt.NDArray[np.float64] = np.maximum(
        0.0, np.log((1 - error_S) / error_S) + np.log(given.p_SNC.shape[2] - 1)
    )
    return weight_S
