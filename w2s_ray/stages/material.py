"""What a finetuned role learns from and is asked: examples by split, and the labels that it may see."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from w2s_ray.core.errors import DataError
from w2s_ray.stages.job import Job
from w2s_ray.stages.predictions import Predictions, read_predictions
from w2s_ray.tasks import task_of
from w2s_ray.tasks.examples import Examples, read_examples

LESSON = "lesson"
BALANCED = 0.05  # a class share within this of one half is balanced data, whose prior is one half


@dataclass(frozen=True)
class Material:
    """The inputs of a finetune stage, each file read once."""

    job: Job

    @cached_property
    def facts(self) -> dict[str, Any]:
        """`split.json` of the split stage."""
        facts: dict[str, Any] = json.loads((self.job.inputs["split"] / "split.json").read_text())
        return facts

    @cached_property
    def examples(self) -> Examples:
        """The examples of every split that the role learns from or predicts."""
        found = read_examples(self.job.inputs["split"])
        return (found + self._fresh if self._fresh is not None else found).where(self.half, *self.predicted)

    @property
    def num_classes(self) -> int:
        return int(self.facts["num_classes"])

    @property
    def half(self) -> str:
        """The training half: `weak`, `transfer`, or rows of its own."""
        return self._there(self.job.stage.spec["half"])

    @property
    def predicted(self) -> tuple[str, ...]:
        """The splits whose predictions this stage leaves."""
        usual = ("transfer", "select", "tune", "test") if self.half == "weak" else ("select", "tune", "test")
        more = dict.fromkeys(self._there(part) for part in self.job.stage.spec.get("predicts", ()))
        return (*(part for part in more if part not in usual), *usual)

    def rows(self, split: str) -> npt.NDArray[np.int64]:
        """Positions of a split's examples, in id order: training order depends on no file's order.

        `LESSON` is the training half less the rows that have no label.
        """
        return self._rows[split]

    def labels(self, split: str) -> npt.NDArray[np.float32]:
        """What the role may see of a split [rows, classes]: weak probabilities by id, or the truth."""
        if self._weak is not None:
            return self._labelled(split).p_NC
        certain_NC: npt.NDArray[np.float32] = np.eye(self.num_classes, dtype=np.float32)[
            self.examples.labels[self.rows(split)]
        ]
        return certain_NC

    def texts(self, split: str) -> list[str]:
        """The answers that the role may see where answers are texts, in id order: the supervisor's, or the truth."""
        if self._weak is not None:
            return list(self._labelled(split).texts)
        return [self.examples.targets[row] for row in self.rows(split)]

    def seen(self, split: str) -> npt.NDArray[np.int64]:
        """The answers that the role may see, as numbers, in id order."""
        return self.truth(split) if self._weak is None else self._labelled(split).answers

    def truth(self, split: str) -> npt.NDArray[np.int64]:
        """True answers of a split as numbers (examples.Examples.answers), in id order."""
        truth_N: npt.NDArray[np.int64] = self.examples.answers[self.rows(split)]
        return truth_N

    def scores(self, answered: Predictions) -> dict[str, float]:
        """The task's own scores of text answers, each the share of rows for which it holds, in 0..1."""
        task = task_of(self.job.stage.inputs["split"].spec["task"])
        if not task.scores or not answered.ids:
            return {}
        row_of = {name: row for row, name in enumerate(self.examples.ids)}
        asked = self.examples.take([row_of[name] for name in answered.ids])
        inputs = [context + text for (context,), (text,) in zip(asked.contexts, asked.texts, strict=True)]
        pairs = list(zip(inputs, answered.texts, strict=True))
        return {name: sum(score(*pair) for pair in pairs) / len(pairs) for name, score in task.scores.items()}

    @property
    def prior(self) -> float:
        """Share of class 1 to assume: one half on balanced data, else the mean weak label (A.4)."""
        labels_NC = self.labels(LESSON)
        if labels_NC.shape[1] != 2 or abs(float(self.facts.get("prior") or 0.5) - 0.5) <= BALANCED:
            return 0.5
        return float(labels_NC[:, 1].mean())

    @cached_property
    def _fresh(self) -> Examples | None:
        return read_examples(self.job.inputs["fresh"]) if "fresh" in self.job.inputs else None

    def _there(self, part: str) -> str:
        """A fresh part for which there were too few rows is the transfer half."""
        if not part.startswith("fresh") or (self._fresh is not None and part in self._fresh.splits):
            return part
        return "transfer"

    @cached_property
    def _rows(self) -> dict[str, npt.NDArray[np.int64]]:
        order = np.argsort(np.array(self.examples.ids), kind="stable")
        splits = np.array(self.examples.splits)[order]
        found = {split: order[splits == split] for split in (self.half, *self.predicted)}
        found[LESSON] = found[self.half]
        if self._weak is not None and self.job.stage.inputs["labels"].kind == "labels":
            labelled = set(self._weak.where(self.half).ids)  # a filter takes labels away
            learnt = [row for row in found[self.half] if self.examples.ids[row] in labelled]
            found[LESSON] = np.array(learnt, dtype=np.int64)
        if not len(found[LESSON]):
            raise DataError(f"no row of the {self.half} half has a label to learn from")
        return found

    def _labelled(self, split: str) -> Predictions:
        assert self._weak is not None
        part = self.half if split == LESSON else split
        return self._weak.where(part).by_id([self.examples.ids[row] for row in self.rows(split)])

    @cached_property
    def _weak(self) -> Predictions | None:
        folder = self.job.inputs.get("labels")
        return read_predictions(folder) if folder is not None else None
