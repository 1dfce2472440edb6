"""Parties that lease, and a clock that the test moves."""

from __future__ import annotations

import json

from tests.store.results import key_of
from w2s_ray.store import Leases

KEY = key_of("a")


class Clock:
    def __init__(self, backend, monkeypatch):
        self.now, self.backend = 0.0, backend
        monkeypatch.setattr("w2s_ray.store.lease.time.monotonic", lambda: self.now)

    def make(self, **options):
        return Leases(self.backend, **{"beat_s": 3600.0} | options)

    def claim(self, number=0, **changes):
        """A lease that a process of another host left."""
        claim = {"owner": "x", "host": "elsewhere", "pid": 1, "born": "1", "nonce": str(changes)} | changes
        self.backend.write(f"{KEY}/lease-{number}", json.dumps(claim).encode())
