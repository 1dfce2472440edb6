"""A synthetic sweep, published once to a sqlite MLflow, for all tests of the report."""

import importlib.util
from pathlib import Path

import pytest

_spec = importlib.util.spec_from_file_location(
    "w2s_tracking_conftest", Path(__file__).parents[1] / "tracking" / "conftest.py"
)
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
synthetic = _module.synthetic


@pytest.fixture(scope="session")
def published(synthetic, tmp_path_factory):
    """(uri, sweep): experiment "whole" is finished, "half" has 5 cells, "hostile" has names to escape."""
    from w2s_ray.core.specs import MethodSpec
    from w2s_ray.tracking import Tracker, default_uri

    folder = tmp_path_factory.mktemp("report")
    uri = default_uri(folder)
    sweep = synthetic.synthetic_sweep(
        folder / "store", tasks=("review", "flat"), flat=("flat",), seeds=(0, 1)
    )
    hostile = synthetic.synthetic_sweep(
        folder / "hostile", tasks=("<script>alert(1)</script>",), pairs=(("xs", "m"),), seeds=(0,),
        methods=(MethodSpec(name="</script><b>", version=1, params={"a": '"<&'}),), num_test=60,
    )  # fmt: skip
    for name, which, cells in (("whole", sweep, None), ("half", sweep, 5), ("hostile", hostile, None)):
        tracker = Tracker(uri, name, folder / f"{name}.jsonl")
        synthetic.publish(which, tracker, name, cells=cells)
        assert tracker.flush(120)
        assert tracker.close() == 0
        assert not tracker.refused
    return uri, sweep


@pytest.fixture(scope="session")
def built(published, tmp_path_factory):
    """(aggregate, folder) of the finished sweep's report."""
    from w2s_ray.report import build_report

    out = tmp_path_factory.mktemp("out")
    return build_report(published[0], "whole", out, draws=300), out
