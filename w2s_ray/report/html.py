"""`report.html`: one file that opens from anywhere without a network, with the answer on its first screen.

Every name and every sentence that comes from outside is escaped; figures are drawn by the Vega that is inside
the file, and shown as static pictures where scripts do not run.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from w2s_ray.metrics.health import SICK_SUPERVISOR
from w2s_ray.metrics.recovery import MIN_GAP
from w2s_ray.report.choice import headline_arms
from w2s_ray.report.headline import Page, headline
from w2s_ray.report.labels import CONTROL, full_label
from w2s_ray.report.markup import notes, percent, ratio, section, table, text
from w2s_ray.report.results import ArmResult
from w2s_ray.report.sick import INVERTED, by_sentence
from w2s_ray.report.style import CSS, SCRIPT


def render(page: Page) -> str:
    """The whole document."""
    name = text(page.sweep["name"])
    sections = [
        f"<h1>{name} · weak-to-strong sweep</h1>",
        headline(page),
        section("Arms", _arm_table(page)),
        f'<h2>Figures</h2><div class="figures">{"".join(_figures(page))}</div>',
        section("Tasks", _task_table(page)),
        _sick(page),
        _undefined(page),
        _failures(page),
        section("Settings", _settings(page)),
    ]
    scripts = "".join(f"<script>{code}</script>" for code in (_inline(page.library), SCRIPT))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{name} · w2s_ray</title><style>{CSS}</style></head>"
        f"<body><main>{''.join(sections)}</main>{scripts}</body></html>\n"
    )


def _arm_table(page: Page) -> str:
    level = f"{100 * page.level:g}% interval"
    heads = ["pair", "method", "#weak", "#student", "#ceiling", "#PGR", f"#{level}", "",
             "#median", "#pooled", "#cells", "#undefined", "#sick"]  # fmt: skip
    chosen = headline_arms(page.arms)
    rows = [(_arm_row(arm), "best" if chosen and arm is chosen[1] else "") for arm in page.arms]
    legend = (
        "Accuracies in percent of test rows. PGR is the sum of gains over the sum of gaps of the tasks whose "
        "gap is beyond noise; median is over tasks; pooled is that of the mean accuracies of all tasks. The "
        "bar runs from 0 (supervisor) to 1 (ceiling). Click a head to sort."
    )
    return table(heads, rows) + f'<p class="note">{legend}</p>'


def _arm_row(arm: ArmResult) -> list[str]:
    interval = f"{arm.interval.low:.2f} … {arm.interval.high:.2f}" if arm.interval else "–"
    numbers = arm.numbers
    return [
        text(f"{arm.weak} → {arm.strong}"), text(_method(arm)),
        *(percent(arm.accuracy[role]) for role in ("weak", "student", "ceiling")),
        ratio(numbers.ratio_of_means), interval, _bar(arm), ratio(numbers.median), ratio(numbers.pooled),
        str(arm.num_cells), str(arm.num_undefined), str(arm.num_sick),
    ]  # fmt: skip


def _method(arm: ArmResult) -> str:
    return f"{arm.label}, {CONTROL}" if arm.control else arm.label


def _bar(arm: ArmResult) -> str:
    if arm.numbers.ratio_of_means is None:
        return ""
    at = _clip(arm.numbers.ratio_of_means)
    low, high = (_clip(arm.interval.low), _clip(arm.interval.high)) if arm.interval else (at, at)
    return (f'<span class="bar"><i style="left:{low:.0f}%;width:{high - low:.0f}%"></i>'
            f'<b style="left:{at:.0f}%"></b></span>')  # fmt: skip


def _task_table(page: Page) -> str:
    heads = ["pair", "method", "task", "#weak", "#student", "#ceiling", "#gap", "#gain", "#PGR",
             "#interval", "#agreement", "#weak right", "#weak wrong"]  # fmt: skip
    roles = {task.role for arm in page.arms for task in arm.tasks}
    rows = [(_task_row(arm, task, told=len(roles) > 1), "") for arm in page.arms for task in arm.tasks]
    note = "Agreement: share of test rows, in percent, on which student and supervisor say the same."
    return table(heads, rows) + notes([note])


def _task_row(arm: ArmResult, task: Any, *, told: bool) -> list[str]:
    """`told`: whether to say which tasks are dev and which held-out."""
    mean, found = task.mean, task.mean.recovery
    pgr = _why(found.undefined) if found.pgr is None else ratio(found.pgr)
    interval = (
        f"{task.interval.low:.2f} … {task.interval.high:.2f}"
        if task.interval and found.pgr is not None
        else "–"
    )
    name = f"{mean.task} ({task.role})" if told else mean.task
    return [
        text(f"{arm.weak} → {arm.strong}"), text(_method(arm)), text(name),
        percent(mean.weak), percent(mean.student), percent(mean.ceiling),
        f"{100 * found.gap:+.1f}", f"{100 * found.gain:+.1f}", pgr, interval,
        *(percent(task.agreement[where]) for where in ("all", "weak_right", "weak_wrong")),
    ]  # fmt: skip


def _why(reason: str) -> str:
    return f'<span title="{text(reason)}">undefined</span>'


def _figures(page: Page) -> Iterable[str]:
    for name, spec in page.specs.items():
        body = json.dumps(json.loads(spec), separators=(",", ":")).replace("<", "\\u003c")
        yield (
            f'<div class="card"><div data-figure="spec-{text(name)}">{page.svgs[name]}</div>'
            f'<script type="application/json" id="spec-{text(name)}">{body}</script></div>'
        )


def _sick(page: Page) -> str:
    found = by_sentence(page.cells)
    if not found:
        return section("Sick runs", '<p class="note">None was found.</p>')
    rows = [([text(why), str(len(its)), *_where(its)], "") for why, its in found.items()]
    note = "They are marked, not dropped: all numbers above include them."
    if any(why.startswith(SICK_SUPERVISOR) for why in found):
        note = f"{INVERTED}. {note}"
    heads = ["~what is wrong", "#cells", "~pairs", "~methods", "tasks", "seeds"]
    num_cells = sum(bool(cell["sick"]) for cell in page.cells)
    return section(f"Sick runs ({num_cells} cells)", notes([note]) + table(heads, rows))


def _where(cells: Sequence[Mapping[str, Any]]) -> list[str]:
    words = [
        (f"{cell['weak']} → {cell['strong']}", cell["label"], cell["task"], str(cell["seed"]))
        for cell in cells
    ]
    return [text(", ".join(dict.fromkeys(column))) for column in zip(*words, strict=True)]


def _undefined(page: Page) -> str:
    cells = [cell for cell in page.cells if cell["undefined/test"]]
    rows = [
        ([*_cell_words(cell), f"{100 * cell['gain/test']:+.1f}", text(cell["undefined/test"])], "")
        for cell in cells
    ]
    if not rows:
        return ""
    note = (
        f'<p class="note">A gap under {100 * MIN_GAP:g} points or within two standard errors has no PGR.</p>'
    )
    heads = [*_CELL_HEADS, "#gain", "~why PGR is undefined"]
    return section(f"Undefined ({len(rows)} cells)", note + table(heads, rows))


_CELL_HEADS = ["pair", "method", "task", "#seed"]


def _cell_words(cell: Mapping[str, Any]) -> list[str]:
    pair = f"{cell['weak']} → {cell['strong']}"
    return [text(pair), text(cell["label"]), text(cell["task"]), str(cell["seed"])]


def _failures(page: Page) -> str:
    rows = [([text(key), text(cause)], "") for key, cause in page.sweep["failures"].items()]
    return section(f"Failed stages ({len(rows)})", table(["stage", "~cause"], rows)) if rows else ""


def _settings(page: Page) -> str:
    stages = page.sweep["stages"]
    facts = {"stages": f"{stages['unique']} unique, {stages['failed']} failed"}
    facts |= {"complete": "yes" if page.sweep["complete"] else "no"}
    facts["methods"] = "; ".join(dict.fromkeys(full_label(arm.method, arm.params) for arm in page.arms))
    facts |= {str(name): str(value) for name, value in page.sweep["versions"].items()}
    return table(["what", "~value"], [([text(name), text(value)], "") for name, value in facts.items()])


def _clip(value: float) -> float:
    return 100 * min(1.0, max(0.0, value))


def _inline(code: str) -> str:
    """Script text that cannot end its own element."""
    return code.replace("</script", "<\\/script").replace("<!--", "<\\!--")
