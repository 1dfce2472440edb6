"""Where results live: records under any fsspec URL, leases on work in progress, checkpoints in scratch."""

from w2s_ray.store.lease import Leases
from w2s_ray.store.scratch import Scratch
from w2s_ray.store.store import Attempt, Store

__all__ = ["Attempt", "Leases", "Scratch", "Store"]
