"""Lint: can a task be solved without reading it, and do its splits overlap? `tasks/lint/run.py` does it all.

Light to import: what needs numpy and scipy is in the modules beside this one.
"""

from w2s_ray.tasks.lint.findings import CHECKS, Finding, Lint

__all__ = ["CHECKS", "Finding", "Lint"]
