"""The figures by name, in the order of the page; one definition each gives the page's picture and all static ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from w2s_ray.core.errors import ConfigError
from w2s_ray.core.registry import unknown
from w2s_ray.report.drawing.agreement import agreement
from w2s_ray.report.drawing.bars import task_bars
from w2s_ray.report.drawing.by_size import accuracy_by_size, pgr_by_size
from w2s_ray.report.drawing.calibration import calibration
from w2s_ray.report.drawing.cost import cost
from w2s_ray.report.drawing.curves import curves, stops
from w2s_ray.report.drawing.material import Material
from w2s_ray.report.drawing.matrix import transfer_matrix
from w2s_ray.report.drawing.methods import methods
from w2s_ray.report.drawing.panels import panels
from w2s_ray.report.drawing.response import alpha
from w2s_ray.report.drawing.saliency import saliency
from w2s_ray.report.drawing.timeline import timeline

Figure = Callable[[Material], Any]

FIGURES: Mapping[str, Figure] = {
    "accuracy-by-size": accuracy_by_size,
    "pgr-by-size": pgr_by_size,
    "methods": methods,
    "tasks": task_bars,
    "panels": panels,
    "transfer-matrix": transfer_matrix,
    "alpha": alpha,
    "agreement": agreement,
    "curves": curves,
    "stops": stops,
    "saliency": saliency,
    "calibration": calibration,
    "timeline": timeline,
    "cost": cost,
}


def check_figures(names: Sequence[str] | None, where: str) -> None:
    """ConfigError at `where` for a name that no figure has; None stands for all that have something to draw."""
    for name in names or ():
        if name not in FIGURES:
            raise ConfigError(f"{where}: {unknown('figure', name, FIGURES)}")


def charts(material: Material, names: Sequence[str] | None) -> dict[str, Any]:
    """The charts of these figures, in this order, or of all; one that has nothing to draw is left out."""
    drawn = {name: FIGURES[name](material) for name in (FIGURES if names is None else names)}
    return {name: chart for name, chart in drawn.items() if chart is not None}
