"""What a strategy says, and to whom: a method that changes labels or steps, and leaves the loss to another one.

A strategy's `student(plan, labels)` returns the stage whose model is the student. It builds it from what a plan can
make: a supervisor's labels, labels made from other labels, a student that was taught, and one that was only asked. So
strategies nest: each is given labels by what is around it, and teaches by what it has inside, its `then`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from w2s_ray.core.graph import Stage
from w2s_ray.core.specs import MethodSpec

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

# What a strategy teaches by where it says nothing: naive finetuning, in full.
NAIVE = MethodSpec(name="naive", version=1, params={"labels": "soft"})


class Labels(Protocol):
    """Weak labels that can be had for any part of a split that a student may learn from."""

    def on(self, part: str, fresh: Stage | None) -> Stage:
        """The stage that holds them for `part` (`transfer`, or `fresh1`, … of `fresh`), and for validation."""
        ...


class Plan(Protocol):
    """One pair, task and seed, as a strategy plans for it.

    `strong` is the pair's strong model, `part` what the student learns from.
    """

    @property
    def strong(self) -> str: ...
    @property
    def part(self) -> str: ...

    def supervisor(self, model: str = "", *, repeat: int = 0) -> Labels:
        """The labels of the pair's weak model or of another one, trained on ground truth, for the nth time."""
        ...

    def relabelled(self, name: str, params: Mapping[str, Any], *labels: Labels) -> Labels:
        """The labels that `relabel` of the method `name` makes of others."""
        ...

    def student(self, method: MethodSpec, labels: Labels, *, model: str = "", part: str = "") -> Stage:
        """The strong model, or another one, taught by `method`; on another part where one is named."""
        ...

    def prompted(self, shots: int, labels: Labels | None, *, calibrate: bool) -> Stage:
        """The model asked as it is, after `shots` examples with `labels`, or with the truth where they are None."""
        ...

    def probed(self, method: MethodSpec, labels: Labels) -> Stage:
        """A linear probe on the frozen student of `method`, taught the truth of the transfer half."""
        ...

    def taught(self, method: MethodSpec, labels: Labels, *, model: str = "", part: str = "") -> Labels:
        """The labels that such a student gives."""
        ...

    def with_fresh(self, models: Sequence[str]) -> Plan:
        """The same plan with a part `fresh1` … of rows of its own for each of these models to learn from.

        Where the task has too few rows left, such a part is the transfer half.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Given:
    """Labels to make new ones from: [sources, rows, classes], with what is known of each row.

    `parts_N` names the part of each row. `truth_N` is its true class: only what a ground-truth supervisor has
    seen may be used to weigh supervisors; errors are simulated from the rest. `lengths_N` counts characters.
    """

    p_SNC: npt.NDArray[np.float32]
    parts_N: npt.NDArray[np.str_]
    truth_N: npt.NDArray[np.int64]
    lengths_N: npt.NDArray[np.int64]
    seed: int

    @property
    def learnable(self) -> npt.NDArray[np.bool_]:
        """Rows that a student may learn from: all but validation and test."""
        import numpy as np

        return ~np.isin(self.parts_N, ("select", "tune", "test"))


@dataclass(frozen=True, kw_only=True)
class Made:
    """New labels [rows, classes], and which rows have one."""

    p_NC: npt.NDArray[np.float32]
    kept_N: npt.NDArray[np.bool_]
