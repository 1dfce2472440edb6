"""Every check on the examples of a split: numbers first, then the verdicts on them. Deterministic."""

from __future__ import annotations

from w2s_ray.tasks.examples import Examples
from w2s_ray.tasks.lint.baselines import HALVES, baselines
from w2s_ray.tasks.lint.findings import Lint, Measures
from w2s_ray.tasks.lint.phrases import phrases
from w2s_ray.tasks.lint.splits import length_shift, overlaps
from w2s_ray.tasks.lint.surface import features
from w2s_ray.tasks.lint.verdicts import verdicts


def lint(examples: Examples, num_classes: int) -> Lint:
    """The lint of a split whose halves and test set are not empty.

    Without classes (`num_classes` 0: a task whose target is text) only the splits are compared.
    """
    num_texts = len(examples.texts[0])
    measures = Measures(
        num_classes=num_classes,
        num_halves=len(examples.where(*HALVES)),
        num_test=len(examples.where("test")),
        baselines=baselines(examples, num_classes) if num_classes else (),
        features=features(examples, num_classes) if num_classes else (),
        phrases=phrases(examples, num_classes) if num_classes else (),
        overlaps=overlaps(examples),
        shift=length_shift(examples),
        first_better=float(examples.labels.mean()) if num_texts > 1 else None,
    )
    return Lint(measures=measures, findings=verdicts(measures))
