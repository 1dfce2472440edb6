"""Every sweep that is shipped: planned as it stands and in its offline preset, which also runs."""

from pathlib import Path

import pytest

from w2s_ray.sweep.config import load_sweep
from w2s_ray.sweep.run import run_sweep
from w2s_ray.sweep.work import Work

PAPER = sorted(Path("sweeps/paper").glob("*.yaml"))
STUDIES = [Path(f"sweeps/{name}.yaml") for name in ("full", "nlp", "reward", "chess", "vision")]
# In the tests: rungs without pretraining, and few rows.
QUICK = ("half=64", "validation=40", "test=60")


def named(file):
    return file.stem


@pytest.mark.parametrize("file", [*PAPER, *STUDIES], ids=named)
@pytest.mark.parametrize("preset", ["", "offline"])
def test_it_can_be_planned(file, preset):
    sweep = load_sweep(file, [f"preset={preset}"] if preset else [])
    work = Work(sweep)
    assert work.cells and len(work.arms) == len(sweep.arms)
    assert (sweep.name == file.stem) == (not preset)


def test_there_is_a_sweep_for_each_of_the_papers_figures():
    assert [file.stem for file in PAPER] == [
        f"fig{number:02}" for number in (3, 4, 5, 7, 8, 9, 10, 11, 12, 13, 23, 25)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("file", [*PAPER, *STUDIES], ids=named)
def test_its_offline_preset_runs(file, tmp_path):
    planned = load_sweep(file, ["preset=offline"])
    small = [f"tasks.{task}.{size}" for task in planned.tasks if task != "digits" for size in QUICK]
    unpretrained = [
        f"models.{name}.pretrained=false"
        for name, model in planned.models.items()
        if model.pretrain_seed is not None
    ]
    seedless = [
        f"models.{name}.pretrain_seed=null"
        for name, model in planned.models.items()
        if model.pretrain_seed is not None
    ]
    sweep = load_sweep(file, ["preset=offline", "seeds=[0]", "resources.launcher=here", f"store={tmp_path}/store",
                              *small, *unpretrained, *seedless])  # fmt: skip
    result = run_sweep(sweep, out=tmp_path / "out")
    assert result.complete, result.failures
