"""A stage in this process: its record says what computed it, and it does not hold up Ctrl-C."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from tests.execution.test_broker import cell
from w2s_ray.core.specs import Resources
from w2s_ray.execution.here import launch_here, with_provenance
from w2s_ray.execution.orders import Order
from w2s_ray.stages.run import Errand

ORDER = Order(errand=Errand(stage=cell().split, store="memory://here"), resources=Resources())


def test_a_record_names_the_code_and_the_versions_that_computed_it() -> None:
    found = with_provenance(ORDER.errand).provenance
    assert found["versions"]["numpy"] and found["commit"]


def test_a_stage_that_computes_for_long_does_not_hold_up_the_end_of_the_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    release = threading.Event()
    monkeypatch.setattr("w2s_ray.execution.here.run_here", lambda errand: release.wait(30))
    started = time.monotonic()
    with pytest.raises(TimeoutError):
        asyncio.run(asyncio.wait_for(launch_here(ORDER), 0.05))
    assert time.monotonic() - started < 5
    assert all(thread.daemon for thread in threading.enumerate() if thread.name == "w2s-split")
    release.set()


def test_a_library_that_exits_fails_its_stage_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    def leave(errand: Errand) -> None:
        raise SystemExit(3)

    monkeypatch.setattr("w2s_ray.execution.here.run_here", leave)
    with pytest.raises(RuntimeError, match="SystemExit"):
        asyncio.run(launch_here(ORDER))
