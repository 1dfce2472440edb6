"""Fixtures that several folders share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.once import made_once, mlflow_template  # noqa: F401 (fixtures)
from tests.sweep.small import write_sweep


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """The file of a sweep small enough for tests."""
    return write_sweep(tmp_path)
