"""Which arms the headline and the figures show; the tables show all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from w2s_ray.report.results import ArmResult

_MOST_METHODS = 6  # more lines than this cannot be told apart


def ladder(arms: Sequence[ArmResult]) -> list[ArmResult]:
    """The arms whose student was pretrained; all of them where none was."""
    return [arm for arm in arms if not arm.control] or list(arms)


def control_of(arms: Sequence[ArmResult], weak: str) -> ArmResult | None:
    """The naive student of this supervisor that was not pretrained, where the ladder is shown beside it."""
    if all(arm.control for arm in arms):
        return None
    its = [arm for arm in arms if arm.control and arm.weak == weak and arm.tasks]
    return next((arm for arm in its if arm.method == "naive"), None)


def headline_arms(arms: Sequence[ArmResult]) -> tuple[ArmResult | None, ArmResult] | None:
    """(naive, best) of the ladder's pair with the widest mean gap; None before any PGR is defined."""
    defined = [arm for arm in ladder(arms) if arm.numbers.ratio_of_means is not None]
    if not defined:
        return None
    widest = max(defined, key=lambda arm: (arm.accuracy["ceiling"] or 0) - (arm.accuracy["weak"] or 0))
    pair = [arm for arm in defined if (arm.weak, arm.strong) == (widest.weak, widest.strong)]
    naive = next((arm for arm in pair if arm.method == "naive"), None)
    return naive, max(pair, key=lambda arm: arm.numbers.ratio_of_means or 0.0)


def drawn_arms(arms: Sequence[ArmResult]) -> list[ArmResult]:
    """The arms with results; where they are too many (a search), the best of each pair and method."""
    found = [arm for arm in arms if arm.tasks]
    labels = {arm.label: arm.method for arm in found}
    if len(labels) <= _MOST_METHODS:
        return found
    best: dict[tuple[str, str, str], ArmResult] = {}
    for arm in found:
        place = (arm.weak, arm.strong, arm.method)
        if place not in best or _rank(arm) > _rank(best[place]):
            best[place] = arm
    searched = {method for method in labels.values() if list(labels.values()).count(method) > 1}
    return [
        replace(arm, label=f"{arm.method} (best arm)" if arm.method in searched else arm.label)
        for arm in best.values()
    ]


def _rank(arm: ArmResult) -> float:
    value = arm.numbers.ratio_of_means
    return float("-inf") if value is None else value
