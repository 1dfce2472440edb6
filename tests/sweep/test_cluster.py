"""The Ray that a sweep runs on, without one."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.sweep.small import write_sweep
from w2s_ray.core.errors import BudgetError
from w2s_ray.sweep.cluster import check_room, own_signals
from w2s_ray.sweep.config import load_sweep
from w2s_ray.sweep.work import Work


def test_what_ray_does_to_sigterm_is_undone_so_that_it_still_ends_with_130() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with own_signals():
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(number))  # as ray.init does
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_search_that_asks_for_more_than_the_cluster_has_is_refused_before_its_first_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(cluster_resources=lambda: {"CPU": 2.0}))
    file = write_sweep(tmp_path, alpha="{low: 0.0, high: 1.0}", more="search: {trials: 2}")
    fits, large = Work(load_sweep(file, [])), Work(load_sweep(file, ["resources.models={s: {cpus: 64}}"]))
    check_room(fits.orders(fits.typical()))
    with pytest.raises(BudgetError, match=r"64 CPU, this Ray has 2"):
        check_room(large.orders(large.typical()))
