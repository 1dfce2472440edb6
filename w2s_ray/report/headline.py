"""The first screen of the page: the answer, how sure it is, and what a reader must know before trusting it."""

from __future__ import annotations

from w2s_ray.report.choice import control_of, headline_arms
from w2s_ray.report.markup import notes, p_value, text
from w2s_ray.report.page.content import Page
from w2s_ray.report.results import ArmResult
from w2s_ray.report.sick import reader_warnings


def headline(page: Page) -> str:
    """One sentence with the answer, the notes that belong to it, and warnings of sick runs."""
    chosen = headline_arms(page.arms)
    cells, planned = sum(arm.num_cells for arm in page.arms), len(page.sweep["cells"])
    finished = (
        f"{cells} of {planned} cells finished." if cells < planned else f"All {planned} cells finished."
    )
    if chosen is None:
        found = "is beyond noise so far" if cells < planned else "is beyond noise: no PGR is defined"
        sentence, lines = f"No gap between supervisor and ceiling {found}.", [finished]
    else:
        sentence, lines = _answer(*chosen), [*_about(page, chosen[1]), finished]
    return f'<p class="headline">{text(sentence)}</p>{notes(lines)}{_warnings(page)}'


def _answer(naive: ArmResult | None, best: ArmResult) -> str:
    sentence = f"{best.label} recovers {_sure(best)} of the gap from {best.weak} to {best.strong}"
    return f"{sentence}; naive recovers {_sure(naive)}." if naive and naive is not best else f"{sentence}."


def _about(page: Page, best: ArmResult) -> list[str]:
    accuracy = {role: f"{100 * (value or 0):.1f}%" for role, value in best.accuracy.items()}
    roles = "Supervisor {weak}, student {student}, ceiling {ceiling}".format(**accuracy)
    return [
        f"{roles} on test rows, mean over {len(best.tasks)} tasks and their seeds.",
        *_against_naive(page, best),
        *_control_notes(page, best),
        _interval_note(page),
        "The pair shown is the one with the widest gap, the method the best of those tried on it: its own "
        "number is flattered by that choice.",
    ]


def _against_naive(page: Page, best: ArmResult) -> list[str]:
    """How sure it is that the best method beats the baseline of its pair, and what is known beyond these tasks."""
    found = [each for each in page.results.comparisons if each.arm == best.id and each.measure == "accuracy"]
    lines = [
        f"Against {each.baseline_label}: {100 * each.tests.mean:+.1f} points, better on {each.tests.wins} of "
        f"{each.tests.num_tasks} tasks (Wilcoxon p {p_value(each.wilcoxon_holm)} after Holm)."
        for each in found
    ]
    readings = best.readings.get("accuracy", {})
    like = readings["all"].ratio_of_means.like if "all" in readings else None
    beyond = f"For tasks like these: {100 * like.low:.0f} to {100 * like.high:.0f}%." if like else ""
    return [" ".join(filter(None, [*lines, beyond]))]


def _control_notes(page: Page, best: ArmResult) -> list[str]:
    """How the student that was not pretrained does against the same supervisor, task by task."""
    control = control_of(page.arms, best.weak)
    if control is None:
        return []
    below = sum(task.mean.student < task.mean.weak for task in control.tasks)
    return [f"The control {control.strong} was not pretrained: taught by the same supervisor it stays below it "
            f"on {below} of {len(control.tasks)} tasks."]  # fmt: skip


def _interval_note(page: Page) -> str:
    if not any(arm.interval for arm in page.arms):
        return page.material.caption
    note = f"In brackets: {page.level} intervals over seeds and test items, for these tasks."
    return f"{note} {page.material.caption}"


def _warnings(page: Page) -> str:
    return "".join(f'<p class="warn">{text(line)}</p>' for line in reader_warnings(page.cell_rows))


def _sure(arm: ArmResult) -> str:
    pgr = arm.numbers.ratio_of_means or 0.0
    if arm.interval is None:
        return f"{100 * pgr:.0f}%"
    low, high = arm.interval.low, arm.interval.high
    return f"{100 * pgr:.0f}% [{100 * low:.0f}, {100 * high:.0f}]"
