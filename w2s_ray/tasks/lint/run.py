"""Every check on the examples of a split: numbers first, then the verdicts on them. Deterministic."""

from __future__ import annotations

from w2s_ray.tasks.base import Task
from w2s_ray.tasks.examples import Examples
from w2s_ray.tasks.lint.baselines import HALVES, baselines, majority
from w2s_ray.tasks.lint.findings import Lint, Measures
from w2s_ray.tasks.lint.phrases import phrases
from w2s_ray.tasks.lint.splits import length_shift, overlaps
from w2s_ray.tasks.lint.surface import features
from w2s_ray.tasks.lint.verdicts import verdicts

READ = 4_000  # rows of each half and of the test set: an AUROC of .98 is then known within .005


def lint_task(task: Task, examples: Examples) -> Lint:
    """The lint of a task's split: of an answer that is a text no classes are known, of an image no words."""
    num_classes = 0 if task.kind == "text" else task.num_classes
    return lint(examples, num_classes, words=task.medium == "text")


def lint(examples: Examples, num_classes: int, *, words: bool = True) -> Lint:
    """The lint of a split whose halves and test set are not empty.

    Without classes (`num_classes` 0) only the splits are compared. Without `words` (texts that are names of
    images) the classes are counted, and groups and equal inputs are looked for. Of long splits, trivial models
    and phrases read `READ` rows.
    """
    read = sample(examples, READ) if num_classes and words else None
    counted = (majority(examples, num_classes),) if num_classes else ()
    measures = Measures(
        num_classes=num_classes,
        num_halves=len(examples.where(*HALVES)),
        num_test=len(examples.where("test")),
        baselines=(*counted, *(baselines(read, num_classes) if read else ())),
        features=features(read, num_classes) if read else (),
        phrases=phrases(read, num_classes) if read else (),
        overlaps=overlaps(examples, near=words),
        shift=length_shift(examples) if words else None,
        first_better=float(examples.labels.mean()) if len(examples.texts[0]) > 1 else None,
    )
    return Lint(measures=measures, findings=verdicts(measures))


def sample(examples: Examples, num: int) -> Examples:
    """The halves and the test set, of each about `num` rows at most: whole groups in the order of their names.

    A split stage names groups by hashes, so the first ones are a fair sample.
    """
    kept: list[int] = []
    for name in (*HALVES, "test"):
        rows = [row for row, split in enumerate(examples.splits) if split == name]
        last = max(sorted(examples.groups[row] for row in rows)[:num])
        kept += [row for row in rows if examples.groups[row] <= last]
    return examples.take(sorted(kept))
