"""From statistics to the bytes of every file of a report, equal for equal data but for the order inside a PDF."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from w2s_ray.report.drawing.material import Material
from w2s_ray.report.figures import charts
from w2s_ray.report.html import render
from w2s_ray.report.page.content import Page
from w2s_ray.report.results import SweepResults
from w2s_ray.report.table import cells_csv

if TYPE_CHECKING:
    import pandas as pd

_COLUMN, _TWO_COLUMNS, _POINTS = 3.25, 6.75, 72  # widths of a page's text in inches, and points of an inch
_NARROW = 440  # px: in one column, letters of what is wider would be under 6 points
_PNG_SCALE = 3
_VEGA = "window.vegaEmbed = vegaEmbed;"  # what the page calls
PRETRAINED_HERE = "Intervals leave out pretraining variance: the models were pretrained here, once."


def render_files(
    sweep: Mapping[str, Any],
    results: SweepResults,
    cells: pd.DataFrame,
    stages: pd.DataFrame,
    *,
    figures: Sequence[str] | None = None,
) -> dict[str, bytes]:
    """cells.csv, report.html, and figures as SVG, PNG and PDF, by relative path; see `figures.charts` for `figures`."""
    import vl_convert

    caption = PRETRAINED_HERE if len(cells) and bool(cells["pretrained_here"].any()) else ""
    material = Material(arms=results.arms, cells=cells, stages=stages, caption=caption)
    specs = _specs(material, figures)
    svgs = {name: str(vl_convert.vegalite_to_svg(spec)) for name, spec in specs.items()}
    page = Page(sweep=sweep, results=results, material=material, specs=specs, svgs=svgs, library=_library())
    files = {"cells.csv": cells_csv(cells).encode(), "report.html": render(page).encode()}
    for name, svg in svgs.items():
        files |= static(name, svg)
    return files


def _specs(material: Material, figures: Sequence[str] | None) -> dict[str, str]:
    """Vega-Lite of each figure. Altair's checks take seconds, and a wrong chart would fail in Vega all the same."""
    from altair.utils.schemapi import debug_mode

    with debug_mode(False):
        return {
            name: chart.to_json(indent=None, validate=False)
            for name, chart in charts(material, figures).items()
        }


def static(name: str, svg: str) -> dict[str, bytes]:
    """A figure's files for papers and slides; the PDF is as wide as one column or as two."""
    import vl_convert

    return {
        f"figures/{name}.svg": svg.encode(),
        f"figures/{name}.png": bytes(vl_convert.svg_to_png(svg, scale=_PNG_SCALE)),
        f"figures/{name}.pdf": bytes(vl_convert.svg_to_pdf(_in_column(svg))),
    }


def _in_column(svg: str) -> str:
    """The SVG as wide as one column or two, in the PDF's unit, points; `viewBox` scales what is in it."""

    def sized(found: re.Match[str]) -> str:
        width, height = float(found[1]), float(found[2])
        points = _POINTS * (_COLUMN if width <= _NARROW else _TWO_COLUMNS)
        return f'width="{points:g}" height="{height * points / width:g}" viewBox'

    return re.sub(r'width="([\d.]+)" height="([\d.]+)" viewBox', sized, svg, count=1)


@cache
def _library() -> str:
    """Vega and vega-embed in one script; making it takes a second."""
    import vl_convert

    return str(vl_convert.javascript_bundle(_VEGA))
