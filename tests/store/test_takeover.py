"""Two parties and one stale lease: at most one takes it, and nobody is locked out."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.store.clock import KEY
from w2s_ray.core.errors import EnvironmentFault
from w2s_ray.store.lease import host


def test_of_many_takers_of_one_stale_lease_one_wins(observer):
    parties = [observer.make() for _ in range(8)]
    for round_ in range(5):
        observer.claim(owner=f"dead-{round_}", **dead_host())
        with ThreadPoolExecutor(8) as pool:
            taken = list(pool.map(lambda party: party.acquire(KEY), parties))
        assert sum(taken) <= 1
        for party in parties:
            party.release(KEY)
        observer.backend.remove(KEY)
    for party in parties:
        party.close()


def dead_host():
    return {"host": host(), "pid": 2**22 + 1, "born": "1"}


def test_two_takers_in_turn_exclude_each_other(observer):
    observer.claim(**dead_host())
    first, second = observer.make(), observer.make()
    assert first.acquire(KEY) and not second.acquire(KEY)
    first.close()
    assert second.acquire(KEY)
    second.close()


def test_a_taker_steps_back_where_the_stale_lease_was_replaced_meanwhile(observer, monkeypatch):
    """The owner released and a third party leased anew, between this taker's look and its own lease."""
    observer.claim(**dead_host())
    taker, third, create = observer.make(), observer.make(), observer.backend.create

    def late(path, data):
        monkeypatch.setattr(observer.backend, "create", create)
        observer.backend.remove(f"{KEY}/lease-0")
        assert third.acquire(KEY)
        return create(path, data)

    monkeypatch.setattr(observer.backend, "create", late)
    assert not taker.acquire(KEY)
    assert observer.backend.names(KEY) == ["lease-0"]
    third.close()
    taker.close()


def test_a_lease_whose_making_was_misreported_does_not_lock_us_out(observer, monkeypatch):
    party, create = observer.make(), observer.backend.create

    def misreport(path, data):
        create(path, data)
        raise EnvironmentFault("the answer was lost")

    monkeypatch.setattr(observer.backend, "create", misreport)
    with pytest.raises(EnvironmentFault):
        party.acquire(KEY)
    monkeypatch.setattr(observer.backend, "create", create)
    assert party.acquire(KEY)
    party.close()
    assert observer.backend.names(KEY) == []
