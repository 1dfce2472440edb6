"""Where a stage runs, from what is known of its size."""

from __future__ import annotations

import pytest

from tests.execution.test_broker import cell
from w2s_ray.core.errors import BudgetError
from w2s_ray.execution.placement import Placement, place

GPU = Placement(gpus=1.0)


def test_a_small_model_shares_a_gpu_and_a_large_one_gets_a_gang() -> None:
    small, _ = place(cell().student, GPU, num_parameters=70_000_000)
    large, layout = place(cell().student, GPU, num_parameters=12_000_000_000)
    assert (small.launcher, small.gpus) == ("actor", 0.25)
    assert large.launcher == "train" and large.workers == 4 and layout.zero_stage == 3


def test_a_model_of_unknown_size_gets_a_whole_gpu() -> None:
    """Four models whose size only the hub knew once met on one GPU."""
    resources, layout = place(cell().student, GPU, num_parameters=None)
    assert (resources.gpus, resources.workers, layout.device) == (1.0, 1, "cuda")


def test_what_no_gang_holds_is_refused_with_the_next_step() -> None:
    with pytest.raises(BudgetError, match="lora"):
        place(cell().student, GPU, num_parameters=10**12)


def test_a_split_asks_for_no_gpu() -> None:
    resources, layout = place(cell().split, GPU, num_parameters=None)
    assert resources.gpus == 0 and layout.device == "cpu"
