"""How the numbers were made: settings, versions, cost, and the digests that name what was used."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from w2s_ray.report.drawing.cost import cost_rows
from w2s_ray.report.labels import full_label
from w2s_ray.report.markup import NOTHING, Row, folded, notes, section, table, text
from w2s_ray.report.page.content import Page


def settings(page: Page) -> str:
    """What was planned, and how it was counted; the models; versions."""
    return section(
        "Settings",
        _facts({**_plan(page), **_counting(page)}, "Sweep"),
        _models(page),
        _facts(page.sweep["versions"], "Versions"),
    )


def cost(page: Page) -> str:
    """Device time by purpose."""
    rows = cost_rows(page.material) if len(page.stages) else []
    heads = ["what", "device", "#stages", "#seconds"]
    shown = [
        Row(cells=[text(row["what"]), text(row["device"]), str(row["num_stages"]), f"{row['seconds']:.1f}"])
        for row in rows
    ]
    note = (
        f"Wall time of a stage times its workers, {sum(row['seconds'] for row in rows):,.0f} s together; what other "
        "sweeps had done already is included."
    )
    return section("Cost", table(heads, shown), notes([note])) if shown else ""


def digests(page: Page) -> str:
    """What names the data and the trainings: test sets, and the keys of every cell's stages."""
    test_sets = dict.fromkeys((cell["task"], cell["test_set"]) for cell in page.cell_rows if cell["test_set"])
    sets = [Row(cells=[text(task), text(name)], task=task) for task, name in test_sets]
    roles = ("split", "weak", "student", "ceiling")
    keys = dict.fromkeys(
        (role, cell["task"], str(cell["seed"]), cell[f"{role}_key"])
        for cell in page.cell_rows
        for role in roles
    )
    stages = [Row(cells=[text(word) for word in its], task=its[1]) for its in keys if its[3]]
    return section(
        "Digests",
        table(["task", "test set"], sets, "Frozen test sets"),
        folded(f"Stages ({len(stages)})", table(["role", "task", "#seed", "~key"], stages)),
    )


def _plan(page: Page) -> dict[str, str]:
    sweep, stages = page.sweep, page.sweep["stages"]
    tasks = dict.fromkeys(f"{task.mean.task} ({task.role})" for arm in page.arms for task in arm.tasks)
    seeds = sorted({seed for arm in page.arms for task in arm.tasks for seed in task.seeds})
    return {
        "complete": "yes" if sweep["complete"] else "no",
        "stages": f"{stages['unique']} unique, {stages['failed']} failed",
        "methods": "; ".join(dict.fromkeys(full_label(arm.method, arm.params) for arm in page.arms)),
        "tasks": ", ".join(tasks),
        "seeds": ", ".join(map(str, seeds)),
    }


def _counting(page: Page) -> dict[str, str]:
    return {
        "intervals": f"{page.level}, from {page.results.draws:,} bootstrap draws of seeds and of groups of test items"
    }


def _models(page: Page) -> str:
    """By size; 6 N D of pretraining where it is known."""
    sizes = {arm.strong: arm.strong_size for arm in page.arms if arm.tasks}
    sizes |= {arm.weak: arm.weak_size for arm in page.arms if arm.tasks}
    rows = [
        Row(cells=[text(name), f"{size.parameters:,}" if size.parameters else NOTHING,
                   f"{size.flops:.2e}" if size.flops else NOTHING])
        for name, size in sorted(sizes.items(), key=lambda item: (item[1].parameters, item[0]))
    ]  # fmt: skip
    return table(["model", "#parameters", "#FLOP of pretraining"], rows, "Models")


def _facts(facts: dict[str, Any], title: str) -> str:
    shown: Iterable[Row] = [Row(cells=[text(name), text(value)]) for name, value in facts.items()]
    return table(["what", "~value"], shown, title)
