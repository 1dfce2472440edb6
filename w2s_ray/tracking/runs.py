"""The document of one MLflow run, before any MLflow: what the writer spools, sends and sends again.

`id` is our own unique name (a tag), so a document that is applied twice is the same run. `digest` covers
everything but the time, so a document that says nothing new costs nothing.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Kind = Literal["sweep", "arm", "cell", "stage"]
Status = Literal["RUNNING", "FINISHED", "FAILED"]


@dataclass(frozen=True, kw_only=True)
class Point:
    """One value of a curve."""

    name: str
    step: int
    value: float


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run as it should be in the tracking server. `parent` is another document's id."""

    id: str
    kind: Kind
    name: str
    parent: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    curve: tuple[Point, ...] = ()
    status: Status = "FINISHED"
    artifacts: Mapping[str, bytes] = field(default_factory=dict)
    time_ms: int = field(default_factory=lambda: int(time.time() * 1000))

    def __post_init__(self) -> None:
        for name, value in self.metrics.items():
            _check(self.id, name, value)
        for point in self.curve:
            _check(self.id, point.name, point.value)

    @property
    def digest(self) -> str:
        """16 hex digits over everything that a reader of the run would see."""
        body = {name: value for name, value in self._plain().items() if name != "time_ms"}
        return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:16]

    def to_json(self) -> str:
        """One line."""
        return json.dumps(self._plain(), sort_keys=True, allow_nan=False)

    @classmethod
    def from_json(cls, line: str) -> Run:
        """The inverse of `to_json`; raises ValueError where the line was torn."""
        try:
            data = json.loads(line)
            data["curve"] = tuple(Point(**point) for point in data["curve"])
            data["artifacts"] = {path: base64.b64decode(text) for path, text in data["artifacts"].items()}
            return cls(**data)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a run document: {error}") from None

    def _plain(self) -> dict[str, Any]:
        data = asdict(self)
        data["artifacts"] = {path: base64.b64encode(raw).decode() for path, raw in self.artifacts.items()}
        return data


def _check(run: str, name: str, value: float) -> None:
    if not math.isfinite(value):
        raise ValueError(f"{run}: metric {name} is {value}; leave an undefined number out")
