"""w2s_ray: how much of a strong model's ability can a weaker supervisor elicit, and by which method?

The public names; nothing heavy is imported until one of them is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from w2s_ray.methods.base import parameter, register_method
    from w2s_ray.report.build import build_report
    from w2s_ray.store import Store
    from w2s_ray.sweep.config import load_sweep
    from w2s_ray.sweep.run import run_sweep
    from w2s_ray.tasks.base import register_task
    from w2s_ray.tracking.query import Experiment

_HOMES = {
    "Experiment": "w2s_ray.tracking.query",
    "Store": "w2s_ray.store",
    "build_report": "w2s_ray.report.build",
    "load_sweep": "w2s_ray.sweep.config",
    "parameter": "w2s_ray.methods.base",
    "register_method": "w2s_ray.methods.base",
    "register_task": "w2s_ray.tasks.base",
    "run_sweep": "w2s_ray.sweep.run",
}

__all__ = [
    "Experiment",
    "Store",
    "build_report",
    "load_sweep",
    "parameter",
    "register_method",
    "register_task",
    "run_sweep",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'w2s_ray' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
