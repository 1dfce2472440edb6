"""What a report knows of a sweep: plain numbers that tables, figures and the page read, and nothing computes twice.

`SweepResults` has the arms in the plan's order, the comparisons between them and the trends over them. An arm has
`readings`: its PGR by measure ("accuracy", "auroc") and by choice of cells ("all"; "dev" and "held-out" where both
took part; "well": without sick cells).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from w2s_ray.metrics.comparison import PairedTests
from w2s_ray.metrics.intervals import Interval
from w2s_ray.metrics.recovery import Aggregates, TaskMean, pooled
from w2s_ray.metrics.scaling import Line

MEASURES = ("accuracy", "auroc")
ROLES = ("weak", "student", "ceiling")


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A number with its intervals for these tasks and for tasks like these; None where undefined or unbounded."""

    value: float | None
    these: Interval | None = None
    like: Interval | None = None


@dataclass(frozen=True, kw_only=True)
class Reading:
    """An arm's PGR by one measure over one choice of its cells.

    `tasks` are all that have a cell, and `undefined` maps those without a PGR to the reason. `fieller` is the
    analytic interval of the ratio of means for these tasks. `no_interval` says why there is none for these tasks.
    """

    tasks: tuple[TaskMean, ...]
    median: Estimate
    ratio_of_means: Estimate
    pooled: Estimate
    undefined: Mapping[str, str]
    fieller: Interval | None = None
    no_interval: str = ""


@dataclass(frozen=True, kw_only=True)
class TaskResult:
    """One arm on one task: means over seeds, the test agreement, and how sure.

    `interval` and `fieller` are of its PGR, from the bootstrap and by formula; `accuracy` are Wilson's intervals of
    the three mean accuracies, with the effective number of items (see `score_interval`).
    """

    mean: TaskMean
    role: str
    seeds: tuple[int, ...]
    interval: Interval | None
    agreement: Mapping[str, float | None]
    fieller: Interval | None = None
    accuracy: Mapping[str, Interval | None] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ModelSize:
    """Parameters, and FLOPs of pretraining (6 N D); 0 where they are not known."""

    parameters: int = 0
    flops: float = 0.0


@dataclass(frozen=True, kw_only=True)
class ArmResult:
    """Everything the report says about one arm; `tasks` in the plan's order.

    A `control` has a student that was not pretrained: it is no rung of the ladder. `numbers`, `interval` (of the
    ratio of means, for these tasks) and `by_role` are those of accuracy; `readings` has them with all intervals.
    """

    id: str
    weak: str
    strong: str
    method: str
    params: Mapping[str, Any]
    label: str
    tasks: tuple[TaskResult, ...]
    num_cells: int
    num_undefined: int
    num_sick: int
    numbers: Aggregates
    interval: Interval | None
    by_role: Mapping[str, Aggregates]
    control: bool = False
    readings: Mapping[str, Mapping[str, Reading]] = field(default_factory=dict)
    weak_size: ModelSize = field(default_factory=ModelSize)
    strong_size: ModelSize = field(default_factory=ModelSize)

    @property
    def accuracy(self) -> dict[str, float | None]:
        """Means over tasks of means over seeds; None without a finished cell."""
        if not self.tasks:
            return {"weak": None, "student": None, "ceiling": None}
        found = pooled([task.mean for task in self.tasks])
        return {"weak": found.weak, "student": found.student, "ceiling": found.ceiling}


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """An arm against the baseline of its pair (`naive`, or the first of the plan), task by task.

    Differences are of student scores, over the seeds that both have. The p-values are also given after Holm's
    correction for all comparisons of this pair and measure. `interval` is of the mean difference in accuracy, for
    these tasks: from draws that both arms share.
    """

    measure: str
    weak: str
    strong: str
    arm: str
    label: str
    baseline: str
    baseline_label: str
    differences: Mapping[str, float]
    tests: PairedTests
    wilcoxon_holm: float
    sign_holm: float
    interval: Interval | None


@dataclass(frozen=True, kw_only=True)
class TrendPoint:
    """One pair on a trend: `x` is log10 of strong over weak, `y` the number."""

    arm: str
    x: float
    y: float


@dataclass(frozen=True, kw_only=True)
class Trend:
    """How `what` ("pgr" or "agreement_on_mistakes") of one method changes with the ratio of strong to weak.

    `axis` is "compute" (6 N D of pretraining) where it is known of every model of the trend, else "parameters".
    """

    what: str
    label: str
    axis: str
    points: tuple[TrendPoint, ...]
    line: Line


@dataclass(frozen=True, kw_only=True)
class SweepResults:
    """All statistics of a sweep; `level` is the nominal coverage of every interval, from `draws` draws."""

    arms: tuple[ArmResult, ...]
    comparisons: tuple[Comparison, ...]
    trends: tuple[Trend, ...]
    level: float
    draws: int
