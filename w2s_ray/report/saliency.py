"""Concept saliency: how much of a concept a linear probe finds before and after finetuning (Burns et al. 2023, 5.2.3).

The paper's figure 11 has five bars. lp is a linear probe on the frozen model, ft finetuning; in brackets whose labels
taught it. Two entries of a sweep for one checkpoint, one of them with `regime: probe`, give four of the bars, and the
method `probed` the fifth, ft(weak)+lp(gt): a probe on the finetuned student.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from w2s_ray.report.analyses import ArmName, by_arm, task_means

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class SaliencyRow:
    """The bars of one checkpoint under one supervisor and method; accuracies in 0..1, over what both arms ran.

    `ft_weak_lp_gt` is None unless all those students were probed.
    """

    probed: ArmName
    finetuned: ArmName
    lp_weak: float
    lp_gt: float
    ft_weak: float
    ft_gt: float
    ft_weak_lp_gt: float | None


def saliency(cells: pd.DataFrame) -> list[SaliencyRow]:
    """A row for each probed and each finetuned arm of equal weights, supervisor and method."""
    probes = {cell["probed_key"]: cell for cell in cells.to_dict("records") if cell.get("probed_key")}
    kinds: dict[str, list[tuple[ArmName, list[dict[str, Any]]]]] = {"probe": [], "finetune": []}
    for arm, its in by_arm(cells):
        if its[0].get("checkpoint") and (kind := its[0]["student_key"].split("/")[0]) in kinds:
            kinds[kind].append((arm, its))
    found = [
        _row(probed, lp, finetuned, ft, probes)
        for probed, lp in kinds["probe"]
        for finetuned, ft in kinds["finetune"]
        if _same(lp[0], ft[0])
    ]
    return [row for row in found if row is not None]


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return all(one[word] == other[word] for word in ("checkpoint", "weak", "method", "params"))


def _row(
    probed: ArmName,
    lp: list[dict[str, Any]],
    finetuned: ArmName,
    ft: list[dict[str, Any]],
    probes: Mapping[str, dict[str, Any]],
) -> SaliencyRow | None:
    common = {_place(cell) for cell in lp} & {_place(cell) for cell in ft}
    bars = {
        f"{kind}_{labels}": task_means(
            [cell for cell in its if _place(cell) in common], f"accuracy/{role}/test"
        )
        for kind, its in (("lp", lp), ("ft", ft))
        for labels, role in (("weak", "student"), ("gt", "ceiling"))
    }
    known = {name: value for name, value in bars.items() if value is not None}
    if len(known) < len(bars):
        return None
    keys = [cell["student_key"] for cell in ft if _place(cell) in common]
    again = [probes[key] for key in keys if key in probes]
    fifth = task_means(again, "accuracy/student/test") if len(again) == len(keys) else None
    return SaliencyRow(probed=probed, finetuned=finetuned, ft_weak_lp_gt=fifth, **known)


def _place(cell: dict[str, Any]) -> tuple[str, int]:
    return cell["task"], cell["seed"]
