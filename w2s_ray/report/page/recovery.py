"""Tables of recovery: each arm, its readings by measure and choice of cells, and its tasks."""

from __future__ import annotations

from collections.abc import Sequence

from w2s_ray.report.choice import headline_arms
from w2s_ray.report.markup import (
    NOTHING,
    Row,
    between,
    hover,
    notes,
    percent,
    points,
    ratio,
    section,
    table,
    text,
)
from w2s_ray.report.page.content import Page, arm_words
from w2s_ray.report.results import MEASURES, ROLES, ArmResult, Estimate, Reading, TaskResult

_CHOICES = {
    "all": "all tasks",
    "dev": "dev tasks",
    "held-out": "held-out tasks",
    "well": "without sick cells",
}
_MEASURES = {"accuracy": "accuracy", "auroc": "AUROC"}


def results(page: Page) -> str:
    """A row per arm: accuracies, PGR with both intervals, and what was left out."""
    like = any(_reading(arm).ratio_of_means.like for arm in page.arms if _has(arm))
    heads = ["pair", "method", "#weak", "#student", "#ceiling", "#PGR", f"#{page.level} these tasks"]
    heads += [f"#{page.level} tasks like these"] if like else []
    heads += ["", "#median", "#pooled", "#cells", "#undefined", "#sick"]
    chosen = headline_arms(page.arms)
    rows = [_arm_row(arm, like=like, best=chosen is not None and arm is chosen[1]) for arm in page.arms]
    lines = [
        "Accuracies in percent of test rows. PGR is the sum of gains over the sum of gaps of the tasks whose gap is "
        "beyond noise; median is over these tasks; pooled is that of the mean accuracies of all tasks. The bar runs "
        "from 0 (supervisor) to 1 (ceiling). Point at a number for its interval; click a head to sort.",
        *_no_interval(page),
    ]
    return section("Results", table(heads, rows), notes(lines))


def readings(page: Page) -> str:
    """PGR of every arm by measure and choice of cells, side by side; nothing where there is but one reading."""
    columns = [
        (measure, choice)
        for measure in MEASURES
        for choice in _CHOICES
        if any(_told(arm, measure, choice) for arm in page.arms)
    ]
    if len(columns) < 2:
        return ""
    heads = [f"#{_MEASURES[measure]}, {_CHOICES[choice]}" for measure, choice in columns]
    rows = [
        Row(
            cells=[*arm_words(arm), *(_read(arm, *column) for column in columns)],
            method=arm.label,
            weak=arm.weak,
        )
        for arm in page.arms
        if arm.tasks
    ]
    note = (
        f"PGR (ratio of means) with its {page.level} interval for these tasks. Of AUROC the intervals are over seeds "
        "alone: they leave out the noise of test items."
    )
    return section("Readings", table(["pair", "method", *heads], rows), notes([note]))


def tasks(page: Page) -> str:
    """A row per arm and task."""
    heads = ["pair", "method", "task", "#seeds", "#weak", "#student", "#ceiling", "#gap", "#gain", "#PGR",
             f"#{page.level}", "#agreement", "#weak right", "#weak wrong"]  # fmt: skip
    told = len({task.role for arm in page.arms for task in arm.tasks}) > 1
    rows = [_task_row(arm, task, told=told) for arm in page.arms for task in arm.tasks]
    note = (
        "Gap and gain in points. Agreement: share of test rows, in percent, on which student and supervisor say the "
        "same; then among those that the supervisor has right, and wrong."
    )
    return section("Tasks", table(heads, rows), notes([note]))


def _arm_row(arm: ArmResult, *, like: bool, best: bool) -> Row:
    numbers = arm.numbers
    reading = _reading(arm) if _has(arm) else None
    these = between(arm.interval)
    if reading and reading.fieller:
        these = hover(these, f"Fieller: {between(reading.fieller)}")
    beyond = [between(reading.ratio_of_means.like if reading else None)] if like else []
    median, pooled = (
        _estimate(reading.median if reading else None),
        _estimate(reading.pooled if reading else None),
    )
    cells = [
        *arm_words(arm), *(percent(arm.accuracy[role]) for role in ROLES), ratio(numbers.ratio_of_means), these,
        *beyond, _bar(arm), median, pooled, str(arm.num_cells), str(arm.num_undefined), str(arm.num_sick),
    ]  # fmt: skip
    return Row(cells=cells, method=arm.label, weak=arm.weak, best=best)


def _estimate(estimate: Estimate | None) -> str:
    if estimate is None:
        return NOTHING
    known = {"these tasks": estimate.these, "tasks like these": estimate.like}
    more = "; ".join(f"{what}: {between(interval)}" for what, interval in known.items() if interval)
    return hover(ratio(estimate.value), more)


def _has(arm: ArmResult) -> bool:
    return "all" in arm.readings.get("accuracy", {})


def _reading(arm: ArmResult) -> Reading:
    return arm.readings["accuracy"]["all"]


def _told(arm: ArmResult, measure: str, choice: str) -> bool:
    """Whether this reading says more than that of all cells."""
    found = arm.readings.get(measure, {})
    return choice in found and (choice == "all" or found[choice] is not found["all"])


def _read(arm: ArmResult, measure: str, choice: str) -> str:
    reading = arm.readings.get(measure, {}).get(choice)
    if reading is None or reading.ratio_of_means.value is None:
        return NOTHING
    estimate = reading.ratio_of_means
    shown = ratio(estimate.value)
    if estimate.these:
        shown += f' <span class="soft">[{estimate.these.low:.2f}, {estimate.these.high:.2f}]</span>'
    num = len(reading.tasks)
    like = f"; tasks like these: {between(estimate.like)}" if estimate.like else ""
    return hover(shown, f"{num - len(reading.undefined)} of {num} tasks{like}")


def _no_interval(page: Page) -> Sequence[str]:
    """Why some arms have no interval."""
    whys = dict.fromkeys(_reading(arm).no_interval for arm in page.arms if _has(arm))
    return [f"Where there is no interval: {why}." for why in whys if why]


def _bar(arm: ArmResult) -> str:
    if arm.numbers.ratio_of_means is None:
        return ""
    at = _clip(arm.numbers.ratio_of_means)
    low, high = (_clip(arm.interval.low), _clip(arm.interval.high)) if arm.interval else (at, at)
    return (f'<span class="bar"><i style="left:{low:.0f}%;width:{high - low:.0f}%"></i>'
            f'<b style="left:{at:.0f}%"></b></span>')  # fmt: skip


def _clip(value: float) -> float:
    return 100 * min(1.0, max(0.0, value))


def _task_row(arm: ArmResult, task: TaskResult, *, told: bool) -> Row:
    """`told`: whether to say which tasks are dev and which held-out."""
    mean, found = task.mean, task.mean.recovery
    pgr = hover("undefined", found.undefined) if found.pgr is None else ratio(found.pgr)
    fieller = f"Fieller: {between(task.fieller)}" if task.fieller else ""
    interval = NOTHING if found.pgr is None else hover(between(task.interval), fieller)
    cells = [
        *arm_words(arm), text(f"{mean.task} ({task.role})" if told else mean.task), str(len(task.seeds)),
        *(_accuracy(task, role) for role in ROLES), points(found.gap), points(found.gain), pgr, interval,
        *(percent(task.agreement[where]) for where in ("all", "weak_right", "weak_wrong")),
    ]  # fmt: skip
    return Row(cells=cells, method=arm.label, weak=arm.weak, task=mean.task)


def _accuracy(task: TaskResult, role: str) -> str:
    interval = task.accuracy.get(role)
    more = f"Wilson: {between(interval, 100)}" if interval else ""
    return hover(percent(getattr(task.mean, role)), more)
