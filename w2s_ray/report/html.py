"""`report.html`: one file that opens from anywhere without a network, with the answer on its first screen.

Every name and every sentence that comes from outside is escaped; figures are drawn by the Vega that is inside
the file, and shown as static pictures where scripts do not run.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from w2s_ray.report.headline import headline
from w2s_ray.report.markup import text
from w2s_ray.report.page.comparing import comparisons, trends
from w2s_ray.report.page.content import Page
from w2s_ray.report.page.doubts import exclusions, failures, sick
from w2s_ray.report.page.looking import analyses
from w2s_ray.report.page.making import cost, digests, settings
from w2s_ray.report.page.recovery import readings, results, tasks
from w2s_ray.report.script import SCRIPT
from w2s_ray.report.style import CSS

_BEFORE = (results, readings)
_AFTER = (comparisons, trends, tasks, analyses, exclusions, sick, failures, settings, cost, digests)


def render(page: Page) -> str:
    """The whole document."""
    name = text(page.sweep["name"])
    sections = [
        f"<h1>{name} · weak-to-strong sweep</h1>",
        headline(page),
        _filters(page),
        *(part(page) for part in _BEFORE),
        f'<section><h2>Figures</h2><div class="figures">{"".join(_figures(page))}</div></section>',
        *(part(page) for part in _AFTER),
    ]
    scripts = "".join(f"<script>{code}</script>" for code in (_inline(page.library), SCRIPT))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{name} · w2s_ray</title><style>{CSS}</style></head>"
        f"<body><main>{''.join(sections)}</main>{scripts}</body></html>\n"
    )


def _filters(page: Page) -> str:
    """What the tables are narrowed to; a choice among one is none."""
    choices = {
        "task": dict.fromkeys(task.mean.task for arm in page.arms for task in arm.tasks),
        "method": dict.fromkeys(arm.label for arm in page.arms),
        "weak": dict.fromkeys(arm.weak for arm in page.arms),
    }
    names = {"weak": "supervisor"}
    shown = "".join(
        f'<label>{names.get(field, field)} <select data-filter="{field}"><option value="">all</option>'
        f"{''.join(f'<option>{text(value)}</option>' for value in values)}</select></label>"
        for field, values in choices.items()
        if len(values) > 1
    )
    return f'<nav class="filters">Rows of tables: {shown}<span class="note"></span></nav>' if shown else ""


def _figures(page: Page) -> Iterable[str]:
    for name, spec in page.specs.items():
        body = json.dumps(json.loads(spec), separators=(",", ":")).replace("<", "\\u003c")
        yield (
            f'<div class="card"><div data-figure="spec-{text(name)}">{page.svgs[name]}</div>'
            f'<script type="application/json" id="spec-{text(name)}">{body}</script></div>'
        )


def _inline(code: str) -> str:
    """Script text that cannot end its own element."""
    return code.replace("</script", "<\\/script").replace("<!--", "<\\!--")
