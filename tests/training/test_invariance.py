"""Results do not move with the layout: 1×32, 4×8, 2 workers × 16; torch and DeepSpeed ZeRO 0-3.

The trainings are those of `bench/invariance.py`, which prints the same differences as a table.
"""

import numpy as np
import pytest


@pytest.fixture(scope="module")
def bench():
    """The bench as a module that worker processes can import too."""
    from bench import invariance

    return invariance


def assert_close(moved, *, flips):
    """Parameters agree to 1e-6 in the median; a flip at the threshold may move a loss by 1e-4."""
    assert moved["parameter"] < 1e-6, moved
    assert moved["loss"] < (1e-4 if flips else 1e-5), moved
    assert moved["probability"] < (1e-3 if flips else 1e-4), moved


@pytest.mark.parametrize("method", ["naive", "confidence"])
def test_cutting_a_batch_into_micro_batches_changes_nothing(bench, method):
    runs = bench.measure(bench.HERE, steps=16, methods=(method,))
    moved = bench.differences(runs["torch 4×8", method], runs[bench.REFERENCE, method])
    assert_close(moved, flips=method == "confidence")


def test_a_threshold_over_micro_batches_alone_would_be_seen(bench):
    """The difference that the test above would find if each micro-batch had a threshold of its own."""
    from w2s_ray.methods.confidence import Confidence

    coupled = bench.measure(bench.HERE, steps=16, methods=("confidence",))
    Confidence.coupled = False
    try:
        apart = bench.measure(bench.HERE, steps=16, methods=("confidence",))
    finally:
        Confidence.coupled = True
    wrong = apart["torch 4×8", "confidence"], coupled[bench.REFERENCE, "confidence"]
    assert bench.differences(*wrong)["probability"] > 0.01


@pytest.mark.ray
def test_neither_workers_nor_zero_stages_change_anything(bench):
    steps = 60
    runs = bench.measure(bench.HERE, steps=steps) | bench.measure(bench.PAIRED | bench.ZERO, steps=steps)
    assert len(runs) == 2 * (2 + 2 + 8)
    for (_, method), run in runs.items():
        assert len(run.losses_S) == steps and np.isfinite(run.losses_S).all()
        assert_close(bench.differences(run, runs[bench.REFERENCE, method]), flips=method == "confidence")


@pytest.mark.ray
def test_a_single_deepspeed_worker_needs_no_launcher(bench):
    alone = {"zero-2 1×32": bench.Layout(zero_stage=2, micro_tokens=bench.ONE_PASS)}
    runs = bench.measure(bench.HERE | alone, steps=8, methods=("naive",))
    assert_close(bench.differences(runs["zero-2 1×32", "naive"], runs[bench.REFERENCE, "naive"]), flips=False)


@pytest.mark.ray
def test_bf16_and_offload_agree_within_bf16_rounding_on_every_zero_stage(bench):
    offloaded = {
        f"zero-{stage} 2×16 offload": bench.Layout(world_size=2, zero_stage=stage, offload=True)
        for stage in (2, 3)
    }
    plain = {name: layout for name, layout in bench.ZERO.items() if name.endswith(" 2×16")}
    options = {"steps": 16, "methods": ("naive",), "precision": "bf16"}
    runs = bench.measure(bench.HERE, **options) | bench.measure(bench.PAIRED | plain | offloaded, **options)
    assert len(runs) == 2 + 2 + 4 + 2
    for run in runs.values():
        moved = bench.differences(run, runs[bench.REFERENCE, "naive"])
        assert moved["loss"] < 2e-3 and moved["probability"] < 2e-2, moved
        assert run.weights_P.dtype == np.float32
