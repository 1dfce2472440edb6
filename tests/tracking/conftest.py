"""The synthetic sweep, and one sqlite MLflow for all tests of a module."""

import shutil

import pytest

from tests.tracking import synthetic as module


@pytest.fixture(scope="session")
def synthetic():
    return module


@pytest.fixture(scope="module")
def uri(tmp_path_factory, mlflow_template):
    """A database of its own, with one experiment of ours, "warm", that is empty."""
    from w2s_ray.tracking import Tracker, default_uri

    folder = tmp_path_factory.mktemp("tracking of ä sweep")
    shutil.copy(mlflow_template, folder)
    Tracker(default_uri(folder), "warm", folder / "warm.jsonl").published()
    return default_uri(folder)
