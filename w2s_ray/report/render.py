"""From statistics to the bytes of every file of a report, equal for equal data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from w2s_ray.report.figures import FIGURES
from w2s_ray.report.headline import Page
from w2s_ray.report.html import render
from w2s_ray.report.results import ArmResult
from w2s_ray.report.table import cells_csv

if TYPE_CHECKING:
    import pandas as pd

_VEGA = "window.vegaEmbed = vegaEmbed;"  # what the page calls
PRETRAINED_HERE = "Intervals leave out pretraining variance: the models were pretrained here, once."


def render_files(
    sweep: Mapping[str, Any], arms: Sequence[ArmResult], cells: pd.DataFrame, *, level: float
) -> dict[str, bytes]:
    """cells.csv, report.html, figures/*.svg and figures/*.png by relative path."""
    import vl_convert

    caption = PRETRAINED_HERE if len(cells) and bool(cells["pretrained_here"].any()) else ""
    charts = {name: figure(arms, _sizes(cells), caption) for name, figure in FIGURES.items()}
    specs = {name: chart.to_json(indent=None) for name, chart in charts.items() if chart is not None}
    svgs = {name: str(vl_convert.vegalite_to_svg(spec)) for name, spec in specs.items()}
    labels = {arm.id: arm.label for arm in arms}
    rows = [cell | {"label": labels.get(cell["arm"], "")} for cell in cells.to_dict("records")]
    page = Page(
        sweep=sweep,
        arms=arms,
        cells=rows,
        specs=specs,
        svgs=svgs,
        library=_library(),
        caption=caption,
        level=level,
    )
    files = {"cells.csv": cells_csv(cells).encode(), "report.html": render(page).encode()}
    files |= {f"figures/{name}.svg": svg.encode() for name, svg in svgs.items()}
    return files | {
        f"figures/{name}.png": bytes(vl_convert.vegalite_to_png(spec, scale=3))
        for name, spec in specs.items()
    }


@cache
def _library() -> str:
    """Vega and vega-embed in one script; making it takes a second."""
    import vl_convert

    return str(vl_convert.javascript_bundle(_VEGA))


def _sizes(cells: pd.DataFrame) -> dict[str, int]:
    """Parameters by model name, where a record told them."""
    found: dict[str, int] = {}
    for name, role in (("weak", "weak"), ("strong", "student")) if len(cells) else ():
        found |= {
            model: int(size)
            for model, size in zip(cells[name], cells[f"{role}_parameters"], strict=True)
            if size
        }
    return found
