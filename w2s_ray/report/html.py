"""`report.html`: one file that opens from anywhere without a network, with the answer on its first screen.

Every name and every sentence that comes from outside is escaped; figures are drawn by the Vega that is inside
the file, and shown as static pictures where scripts do not run.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from w2s_ray.metrics.recovery import MIN_GAP
from w2s_ray.report.choice import headline_arms
from w2s_ray.report.labels import full_label
from w2s_ray.report.statistics import ArmResult
from w2s_ray.report.style import CSS, SCRIPT


@dataclass(frozen=True, kw_only=True)
class Page:
    """What the page shows. `specs` and `svgs` are figures by name, `library` is the Vega bundle."""

    sweep: Mapping[str, Any]
    arms: Sequence[ArmResult]
    cells: Sequence[Mapping[str, Any]]
    specs: Mapping[str, str]
    svgs: Mapping[str, str]
    library: str
    caption: str
    level: float


def render(page: Page) -> str:
    """The whole document."""
    name = _text(page.sweep["name"])
    sections = [
        f"<h1>{name} · weak-to-strong sweep</h1>",
        _headline(page),
        _section("Arms", _arm_table(page)),
        f'<h2>Figures</h2><div class="figures">{"".join(_figures(page))}</div>',
        _section("Tasks", _task_table(page)),
        _sick(page),
        _undefined(page),
        _failures(page),
        _section("Settings", _settings(page)),
    ]
    scripts = "".join(f"<script>{code}</script>" for code in (_inline(page.library), SCRIPT))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{name} · w2s_ray</title><style>{CSS}</style></head>"
        f"<body><main>{''.join(sections)}</main>{scripts}</body></html>\n"
    )


def _headline(page: Page) -> str:
    chosen = headline_arms(page.arms)
    cells = sum(arm.num_cells for arm in page.arms)
    planned = len(page.sweep["cells"])
    notes = [f"{cells} of {planned} cells finished." if cells < planned else f"All {planned} cells finished."]
    if chosen is None:
        found = "is beyond noise so far" if cells < planned else "is beyond noise: no PGR is defined"
        return f'<p class="headline">No gap between supervisor and ceiling {found}.</p>{_notes(notes)}'
    naive, best = chosen
    accuracy = {role: f"{100 * (value or 0):.1f}%" for role, value in best.accuracy.items()}
    pair = f"{_text(best.weak)} to {_text(best.strong)}"
    sentence = f"{_text(best.label)} recovers {_sure(best)} of the gap from {pair}" + (
        f"; naive recovers {_sure(naive)}." if naive and naive is not best else "."
    )
    roles = "Supervisor {weak}, student {student}, ceiling {ceiling}".format(**accuracy)
    notes.insert(0, f"{roles} on test rows, mean over {len(best.tasks)} tasks and their seeds.")
    notes.append(
        "The pair shown is the one with the widest gap, the method the best of those tried on it: its own "
        "number is flattered by that choice."
    )
    num_sick = sum(arm.num_sick for arm in page.arms)
    warning = f'<p class="warn">{num_sick} cells hold a sick run; see below.</p>' if num_sick else ""
    return f'<p class="headline">{sentence}</p>{_notes(notes)}{_notes([page.caption])}{warning}'


def _sure(arm: ArmResult) -> str:
    pgr = arm.numbers.ratio_of_means or 0.0
    if arm.interval is None:
        return f"{100 * pgr:.0f}%"
    low, high = arm.interval.low, arm.interval.high
    return f"{100 * pgr:.0f}% [{100 * low:.0f}, {100 * high:.0f}]"


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
    return _table(heads, rows) + f'<p class="note">{legend}</p>'


def _arm_row(arm: ArmResult) -> list[str]:
    interval = f"{arm.interval.low:.2f} … {arm.interval.high:.2f}" if arm.interval else "–"
    numbers = arm.numbers
    return [
        _text(f"{arm.weak} → {arm.strong}"), _text(arm.label),
        *(_percent(arm.accuracy[role]) for role in ("weak", "student", "ceiling")),
        _ratio(numbers.ratio_of_means), interval, _bar(arm), _ratio(numbers.median), _ratio(numbers.pooled),
        str(arm.num_cells), str(arm.num_undefined), str(arm.num_sick),
    ]  # fmt: skip


def _bar(arm: ArmResult) -> str:
    if arm.numbers.ratio_of_means is None:
        return ""
    at = _clip(arm.numbers.ratio_of_means)
    low, high = (_clip(arm.interval.low), _clip(arm.interval.high)) if arm.interval else (at, at)
    return (f'<span class="bar"><i style="left:{low:.0f}%;width:{high - low:.0f}%"></i>'
            f'<b style="left:{at:.0f}%"></b></span>')  # fmt: skip


def _task_table(page: Page) -> str:
    heads = ["pair", "method", "task", "role", "#weak", "#student", "#ceiling", "#gap", "#gain", "#PGR",
             "#interval", "#agreement", "#weak right", "#weak wrong"]  # fmt: skip
    rows = [(_task_row(arm, task), "") for arm in page.arms for task in arm.tasks]
    note = "Agreement: share of test rows, in percent, on which student and supervisor say the same."
    return _table(heads, rows) + _notes([note])


def _task_row(arm: ArmResult, task: Any) -> list[str]:
    mean, found = task.mean, task.mean.recovery
    pgr = _why(found.undefined) if found.pgr is None else _ratio(found.pgr)
    interval = (
        f"{task.interval.low:.2f} … {task.interval.high:.2f}"
        if task.interval and found.pgr is not None
        else "–"
    )
    return [
        _text(f"{arm.weak} → {arm.strong}"), _text(arm.label), _text(mean.task), _text(task.role),
        _percent(mean.weak), _percent(mean.student), _percent(mean.ceiling),
        f"{100 * found.gap:+.1f}", f"{100 * found.gain:+.1f}", pgr, interval,
        *(_percent(task.agreement[where]) for where in ("all", "weak_right", "weak_wrong")),
    ]  # fmt: skip


def _why(reason: str) -> str:
    return f'<span title="{_text(reason)}">undefined</span>'


def _figures(page: Page) -> Iterable[str]:
    for name, spec in page.specs.items():
        body = json.dumps(json.loads(spec), separators=(",", ":")).replace("<", "\\u003c")
        yield (
            f'<div class="card"><div data-figure="spec-{_text(name)}">{page.svgs[name]}</div>'
            f'<script type="application/json" id="spec-{_text(name)}">{body}</script></div>'
        )


def _sick(page: Page) -> str:
    rows = [([*_cell_words(cell), _text("; ".join(cell["sick"]))], "") for cell in page.cells if cell["sick"]]
    if not rows:
        return _section("Sick runs", '<p class="note">None was found.</p>')
    note = '<p class="note">They are marked, not dropped: all numbers above include them.</p>'
    return _section(f"Sick runs ({len(rows)} cells)", note + _table([*_CELL_HEADS, "~why"], rows))


def _undefined(page: Page) -> str:
    cells = [cell for cell in page.cells if cell["undefined/test"]]
    rows = [
        ([*_cell_words(cell), f"{100 * cell['gain/test']:+.1f}", _text(cell["undefined/test"])], "")
        for cell in cells
    ]
    if not rows:
        return ""
    note = (
        f'<p class="note">A gap under {100 * MIN_GAP:g} points or within two standard errors has no PGR.</p>'
    )
    table = _table([*_CELL_HEADS, "#gain", "~why PGR is undefined"], rows)
    return _section(f"Undefined ({len(rows)} cells)", note + table)


_CELL_HEADS = ["pair", "method", "task", "#seed"]


def _cell_words(cell: Mapping[str, Any]) -> list[str]:
    pair = f"{cell['weak']} → {cell['strong']}"
    return [_text(pair), _text(cell["label"]), _text(cell["task"]), str(cell["seed"])]


def _failures(page: Page) -> str:
    rows = [([_text(key), _text(cause)], "") for key, cause in page.sweep["failures"].items()]
    return _section(f"Failed stages ({len(rows)})", _table(["stage", "~cause"], rows)) if rows else ""


def _settings(page: Page) -> str:
    stages = page.sweep["stages"]
    facts = {"stages": f"{stages['unique']} unique, {stages['failed']} failed"}
    facts |= {"complete": "yes" if page.sweep["complete"] else "no"}
    facts["methods"] = "; ".join(dict.fromkeys(full_label(arm.method, arm.params) for arm in page.arms))
    facts |= {str(name): str(value) for name, value in page.sweep["versions"].items()}
    return _table(["what", "~value"], [([_text(name), _text(value)], "") for name, value in facts.items()])


def _section(title: str, body: str) -> str:
    return f'<h2>{_text(title)}</h2><div class="card">{body}</div>'


def _table(heads: Sequence[str], rows: Sequence[tuple[list[str], str]]) -> str:
    """Heads that begin with # are of numbers, those with ~ of long text. Cells are HTML already."""
    kinds = [{"#": "n", "~": "long"}.get(head[:1], "") for head in heads]
    top = "".join(
        f'<th class="{kind}">{_text(head.lstrip("#~"))}</th>' for head, kind in zip(heads, kinds, strict=True)
    )
    body = "".join(
        f'<tr class="{mark}">'
        + "".join(f'<td class="{kind}">{cell}</td>' for cell, kind in zip(row, kinds, strict=True))
        + "</tr>"
        for row, mark in rows
    )
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def _notes(lines: Iterable[str]) -> str:
    return "".join(f'<p class="note">{_text(line)}</p>' for line in lines if line)


def _text(value: object) -> str:
    return html.escape(str(value), quote=True)


def _inline(code: str) -> str:
    """Script text that cannot end its own element."""
    return code.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}"


def _ratio(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _clip(value: float) -> float:
    return 100 * min(1.0, max(0.0, value))
