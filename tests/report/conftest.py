"""A synthetic sweep, published once to a sqlite MLflow, for all tests of the report."""

import json
import shutil

import pytest

from tests.tracking import synthetic


@pytest.fixture(scope="session")
def uri(made_once, mlflow_template):
    """Experiment "whole" is finished, "half" has 5 cells, "hostile" has names to escape."""
    from w2s_ray.tracking import default_uri

    def make(folder):
        shutil.copy(mlflow_template, folder)
        publish_all(folder, default_uri(folder))

    return default_uri(made_once("report", make))


def publish_all(folder, uri):
    from w2s_ray.core.specs import MethodSpec
    from w2s_ray.tracking import Tracker

    sweep = synthetic.synthetic_sweep(
        folder / "store", tasks=("review", "flat"), flat=("flat",), seeds=(0, 1), control=True
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


@pytest.fixture(scope="session")
def built(uri, made_once):
    """(aggregate, folder) of the finished sweep's report."""
    from w2s_ray.report import build_report

    out = made_once("report-out", lambda folder: build_report(uri, "whole", folder, draws=300))
    return json.loads((out / "aggregate.json").read_text()), out
