"""What a reader must know before trusting the numbers: what was left out, sick runs, failed stages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from w2s_ray.metrics.health import SICK_SUPERVISOR
from w2s_ray.metrics.recovery import MIN_GAP
from w2s_ray.report.markup import Row, folded, notes, points, section, table, text
from w2s_ray.report.page.content import Page, arm_words, pair
from w2s_ray.report.sick import INVERTED, by_sentence


def exclusions(page: Page) -> str:
    """Tasks and cells without a PGR, each with the reason, and with its gain."""
    tasks, cells = _undefined_tasks(page), _undefined_cells(page)
    if not tasks and not cells:
        return section("Exclusions", notes(["Nothing was left out: every task and cell has a PGR."]))
    lead = (
        f"A gap under {100 * MIN_GAP:g} points or within two standard errors has no PGR. Such tasks are left out of "
        "the ratio of means and of the median; the pooled number has them. Gains in points."
    )
    heads = ["pair", "method", "measure", "task", "#gain", "~why PGR is undefined"]
    of_cells = table(["pair", "method", "task", "#seed", "#gain", "~why PGR is undefined"], cells)
    return section(
        "Exclusions",
        notes([lead]),
        table(heads, tasks, f"Tasks of an arm ({len(tasks)})"),
        folded(f"Single cells ({len(cells)})", of_cells),
    )


def sick(page: Page) -> str:
    """What is wrong with which cells."""
    found = by_sentence(page.cell_rows)
    if not found:
        return section("Sick runs", notes(["None was found."]))
    rows = [Row(cells=[text(why), str(len(its)), *_where(its)]) for why, its in found.items()]
    note = "They are marked, not dropped: the numbers include them unless it says “without sick cells”."
    if any(why.startswith(SICK_SUPERVISOR) for why in found):
        note = f"{INVERTED}. {note}"
    heads = ["~what is wrong", "#cells", "~pairs", "~methods", "tasks", "seeds"]
    num_cells = sum(bool(cell["sick"]) for cell in page.cell_rows)
    return section(f"Sick runs ({num_cells} cells)", notes([note]), table(heads, rows))


def failures(page: Page) -> str:
    """Stages that failed; nothing where none did."""
    rows = [Row(cells=[text(key), text(cause)]) for key, cause in page.sweep["failures"].items()]
    return section(f"Failed stages ({len(rows)})", table(["stage", "~cause"], rows))


def _undefined_tasks(page: Page) -> list[Row]:
    return [
        Row(
            cells=[*arm_words(arm), "AUROC" if measure == "auroc" else measure, text(task.task),
                   points(task.recovery.gain), text(reading.undefined[task.task])],
            method=arm.label, weak=arm.weak, task=task.task,
        )
        for arm in page.arms
        for measure, readings in arm.readings.items()
        for reading in [readings["all"]]
        for task in reading.tasks
        if task.task in reading.undefined
    ]  # fmt: skip


def _undefined_cells(page: Page) -> list[Row]:
    return [
        Row(
            cells=[pair(cell["weak"], cell["strong"]), text(cell["label"]), text(cell["task"]), str(cell["seed"]),
                   points(cell.get("gain/test")), text(cell["undefined/test"])],
            method=cell["label"], weak=cell["weak"], task=cell["task"],
        )
        for cell in page.cell_rows
        if cell["undefined/test"]
    ]  # fmt: skip


def _where(cells: Sequence[Mapping[str, Any]]) -> list[str]:
    words = [
        (f"{cell['weak']} → {cell['strong']}", cell["label"], cell["task"], str(cell["seed"]))
        for cell in cells
    ]
    return [text(", ".join(dict.fromkeys(column))) for column in zip(*words, strict=True)]
