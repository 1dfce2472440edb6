"""Tables of what compares arms: paired tests of methods, and trends over pairs."""

from __future__ import annotations

from w2s_ray.report.markup import (
    NOTHING,
    Row,
    between,
    hover,
    notes,
    p_value,
    points,
    section,
    table,
    text,
)
from w2s_ray.report.page.content import Page, pair
from w2s_ray.report.results import Comparison, Trend

_WHATS = {"pgr": "PGR", "agreement_on_mistakes": "agreement on mistakes"}
_AXES = {"compute": "compute of pretraining", "parameters": "parameters"}


def comparisons(page: Page) -> str:
    """A row per method, pair and measure, against the pair's baseline."""
    found = page.results.comparisons
    if not found:
        return ""
    heads = ["pair", "method", "against", "measure", "#tasks", "#difference", f"#{page.level}", "win/tie/loss",
             "#Wilcoxon p", "#Holm", "#sign p", "#Holm", "worst", "#detectable"]  # fmt: skip
    few = min(each.tests.num_tasks for each in found)
    least = max(each.tests.least_p for each in found)
    lines = [
        "Difference of student scores in points, mean over tasks; a task is one observation. Tests are two-sided, "
        "Holm corrects for the comparisons of a pair and measure. Detectable: the true difference that a paired "
        "t-test would find with a power of .8.",
        f"{few} tasks cannot give a p-value under {p_value(least)}."
        if least > 1 - page.results.level
        else "",
    ]
    return section("Comparisons", table(heads, [_comparison(each) for each in found]), notes(lines))


def trends(page: Page) -> str:
    """A row per number and method: its slope over pairs."""
    heads = ["number", "method", "over", "#pairs", "#slope per factor of 10", f"#{page.level}"]
    rows = [_trend(each) for each in page.results.trends]
    note = "Least-squares lines through the pairs of a method, against log10 of strong over weak; for these tasks."
    return section("Trends", table(heads, rows), notes([note])) if rows else ""


def _comparison(each: Comparison) -> Row:
    tests = each.tests
    worst, value = tests.worst
    shown = hover(
        points(tests.mean), "; ".join(f"{name} {points(its)}" for name, its in each.differences.items())
    )
    detectable = NOTHING if tests.detectable is None else f"{100 * tests.detectable:.1f}"
    cells = [
        pair(each.weak, each.strong), text(each.label), text(each.baseline_label),
        "AUROC" if each.measure == "auroc" else text(each.measure), str(tests.num_tasks), shown,
        between(each.interval, 100), f"{tests.wins}/{tests.ties}/{tests.losses}", p_value(tests.wilcoxon),
        p_value(each.wilcoxon_holm), p_value(tests.sign), p_value(each.sign_holm), text(f"{points(value)} {worst}"),
        detectable,
    ]  # fmt: skip
    return Row(cells=cells, method=each.label, weak=each.weak)


def _trend(each: Trend) -> Row:
    line = each.line
    cells = [
        text(_WHATS.get(each.what, each.what)), text(each.label), text(_AXES[each.axis]), str(len(each.points)),
        f"{line.slope:+.2f}", between(line.interval),
    ]  # fmt: skip
    return Row(cells=cells, method=each.label)
