"""Tables of analyses: what became of the supervisor's mistakes, calibration, stops, misfit, difficulty, saliency."""

from __future__ import annotations

import numpy as np

from w2s_ray.report.analyses import ROLES, ArmName, MisfitRow, calibrations, corrections, misfits, stop_rules
from w2s_ray.report.easy_to_hard import easy_to_hard
from w2s_ray.report.markup import NOTHING, Row, folded, notes, percent, ratio, section, table, text
from w2s_ray.report.page.content import Page, pair
from w2s_ray.report.saliency import saliency


def analyses(page: Page) -> str:
    """Every analysis that the experiment has the numbers for."""
    if not len(page.cells):
        return ""
    lead = "Means over tasks of means over seeds, on test rows."
    body = "".join(
        part(page) for part in (_corrections, _stops, _saliency, _misfit, _calibration, _difficulty)
    )
    return section("Analyses", notes([lead]), body) if body else ""


def _row(arm: ArmName, *cells: str, task: str = "") -> Row:
    words = [pair(arm.weak, arm.strong), text(arm.method)]
    return Row(cells=[*words, *cells], method=arm.method, weak=arm.weak, task=task)


def _corrections(page: Page) -> str:
    heads = ["pair", "method", "#repeats a mistake", "#corrects a mistake", "#keeps what is right"]
    rows = [
        _row(its.arm, percent(its.agrees_on_mistakes), percent(its.correction), percent(its.retention))
        for its in corrections(page.cells)
    ]
    return table(heads, rows, "Of the supervisor's answers, the student … (%)")


def _stops(page: Page) -> str:
    means = {arm.id: [task.mean for task in arm.tasks] for arm in page.arms}
    heads = ["pair", "method", "stop", "#student", "#PGR", "#median"]
    rows = [
        _row(
            its.arm,
            text(its.rule),
            percent(its.accuracy),
            ratio(its.pgr.ratio_of_means),
            ratio(its.pgr.median),
        )
        for its in stop_rules(page.cells, means)
    ]
    return table(heads, rows, "Had the student stopped by a rule (oracle: by the truth, an upper bound)")


def _saliency(page: Page) -> str:
    heads = ["pair", "method", "probed", "#lp(weak)", "#lp(gt)", "#ft(weak)", "#ft(gt)", "#ft(weak)+lp(gt)"]
    rows = [
        _row(its.finetuned, text(its.probed.strong), *map(percent, (its.lp_weak, its.lp_gt, its.ft_weak, its.ft_gt,
                                                                    its.ft_weak_lp_gt)))
        for its in saliency(page.cells)
    ]  # fmt: skip
    return table(heads, rows, "Concept saliency: linear probes (lp) and finetuning (ft), accuracy (%)")


def _misfit(page: Page) -> str:
    """Means over the cells of an arm: gain should be near misfit (see metrics.misfit)."""
    found: dict[tuple[ArmName, str], list[MisfitRow]] = {}
    for row in misfits(page.cells):
        found.setdefault((row.arm, row.divergence), []).append(row)
    rows = [
        _row(arm, text(name), str(len(its)), *(f"{np.mean([getattr(row, what) for row in its]):.3f}"
                                               for what in ("misfit", "gain")))
        for (arm, name), its in found.items()
    ]  # fmt: skip
    heads = ["pair", "method", "divergence", "#cells", "#misfit", "#gain"]
    return table(
        heads, rows, "Misfit of student and supervisor, and the gain in the same loss (mean over cells)"
    )


def _calibration(page: Page) -> str:
    heads = ["pair", "method", *(f"#{word} {role}" for word in ("ECE", "Brier") for role in ROLES)]
    found: dict[ArmName, dict[str, str]] = {}
    for its in calibrations(page.cells):
        cells = found.setdefault(its.arm, {})
        cells |= {f"#ECE {its.role}": _three(its.ece), f"#Brier {its.role}": _three(its.brier)}
    rows = [_row(arm, *(cells.get(head, NOTHING) for head in heads[2:])) for arm, cells in found.items()]
    return table(heads, rows, "Calibration: expected calibration error (0..1), Brier score (0..2)")


def _difficulty(page: Page) -> str:
    heads = ["pair", "method", "task", "first right", "#items", *(f"#{role}" for role in ROLES)]
    rows = [
        _row(
            its.arm,
            *(text(its.task), text(its.level), str(its.num_items)),
            *(percent(getattr(its, role)) for role in ROLES),
            task=its.task,
        )
        for its in easy_to_hard(page.cells, page.stages)
    ]
    title = "Accuracy by difficulty: the smallest supervisor that has an item right"
    return folded(f"{title} ({len(rows)} rows)", table(heads, rows))


def _three(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.3f}"
