"""One synthetic sweep and one sqlite MLflow for all tests of a module: making a schema takes seconds."""

import importlib.util
import sys
from pathlib import Path

import pytest

_NAME = "w2s_synthetic"


def load_synthetic():
    """The helper module, whichever way pytest imports tests."""
    if _NAME not in sys.modules:
        spec = importlib.util.spec_from_file_location(_NAME, Path(__file__).with_name("synthetic.py"))
        module = importlib.util.module_from_spec(spec)
        sys.modules[_NAME] = module
        spec.loader.exec_module(module)
    return sys.modules[_NAME]


@pytest.fixture(scope="session")
def synthetic():
    return load_synthetic()


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder whose mlflow.db has its schema."""
    from w2s_ray.tracking import Tracker, default_uri

    folder = tmp_path_factory.mktemp("tracking of ä sweep")
    Tracker(default_uri(folder), "warm", folder / "warm.jsonl").published()
    return folder


@pytest.fixture(scope="module")
def uri(home):
    from w2s_ray.tracking import default_uri

    return default_uri(home)
