"""What a stage function gets and gives back.

A stage function has the form `run(job, worker) -> Outcome`: it reads `job.inputs`, fills `job.out`, and knows
neither the store, nor Ray, nor who else needs its result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from w2s_ray.core.graph import Stage
from w2s_ray.core.specs import Layout
from w2s_ray.store import Scratch

if TYPE_CHECKING:
    from w2s_ray.training.worker import Worker


@dataclass(frozen=True, kw_only=True)
class Job:
    """A stage with everything it needs on this machine.

    `inputs` maps each role to a local folder whose files were verified; `out` is an empty local folder.
    `places` maps the digest of a `files` source to where it lies now (a path is not identity). `alias` is the
    user's own name of what the stage is about, for messages. `checkpoints` makes the place where a worker keeps
    the state of a long training.
    """

    stage: Stage
    inputs: Mapping[str, Path]
    out: Path
    layout: Layout = field(default_factory=Layout)
    places: Mapping[str, str] = field(default_factory=dict)
    alias: str = ""
    checkpoints: Callable[[Worker], Scratch] | None = None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What goes into the record beside the files: headline numbers and facts (JSON) for people."""

    metrics: Mapping[str, float] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
