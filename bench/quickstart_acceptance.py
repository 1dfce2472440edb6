"""Does a finished quickstart show the weak-to-strong effect that LADDER §5 promises?

    python bench/quickstart_acceptance.py [results/quickstart]

Reads `aggregate.json` and `cells.csv`, prints a line per criterion with its numbers, and ends with 1 where one
fails. Judged by rung (xs → l), never by a measured gap, and on accuracies pooled over tasks and seeds.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

PAIR = ("xs", "l")
TEXT_TASKS = ("review", "agree", "pref")
COUNTER_EXAMPLE = "board"
MIN_GAP, MIN_PGR = 0.08, 0.1

Row = dict[str, str]
Verdict = tuple[str, bool | None, str]


def main() -> int:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "results/quickstart")
    aggregate = json.loads((folder / "aggregate.json").read_text())
    with (folder / "cells.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "test"]
    verdicts = [_whole(aggregate), *judged(rows)]
    for name, passed, numbers in verdicts:
        print(f"{ {True: 'pass', False: 'FAIL', None: 'seen'}[passed]:5} {name}: {numbers}")
    for warning in aggregate["warnings"]:
        print(f"note  {warning}")
    return 0 if all(passed is not False for _, passed, _ in verdicts) else 1


def judged(rows: Sequence[Row]) -> list[Verdict]:
    """Criterion, whether it holds (None: shown, not judged), and the numbers behind it."""
    pair = [row for row in rows if (row["weak"], row["strong"]) == PAIR]
    naive = [row for row in pair if row["method"] == "naive"]
    confident = _arms(pair, "confidence")
    controls = [row for row in rows if row["control"] == "true" and row["weak"] == PAIR[0]]
    gap = _mean(naive, "accuracy_ceiling") - _mean(naive, "accuracy_weak")
    return [
        ("pooled gap of xs → l is at least 8 points", gap >= MIN_GAP, f"{100 * gap:.1f} points"),
        ("pooled naive PGR is above .1", _pgr(naive) > MIN_PGR, f"{_pgr(naive):.2f}"),
        *(_above_naive(name, arm, naive) for name, arm in confident.items()),
        *(_below_supervisor(task, _of(controls, task)) for task in sorted({row["task"] for row in rows})),
        *_counter_example(_of(rows, COUNTER_EXAMPLE)),
    ]


def _whole(aggregate: dict[str, object]) -> Verdict:
    return "the sweep is complete", bool(aggregate["complete"]), f"{aggregate['stages']}"


def _above_naive(name: str, arm: Sequence[Row], naive: Sequence[Row]) -> Verdict:
    own, other = (_mean(_of(rows, *TEXT_TASKS), "accuracy_student") for rows in (arm, naive))
    label = f"{name} is above naive, pooled over {', '.join(TEXT_TASKS)}"
    return label, own > other, f"{100 * own:.1f}% against {100 * other:.1f}%"


def _below_supervisor(task: str, control: Sequence[Row]) -> Verdict:
    label = f"on {task} the control that was not pretrained stays below its supervisor"
    if not control:
        return label, False, "no control was run"
    student, weak = _mean(control, "accuracy_student"), _mean(control, "accuracy_weak")
    return label, student < weak, f"{100 * student:.1f}% against {100 * weak:.1f}%"


def _counter_example(rows: Sequence[Row]) -> list[Verdict]:
    """Every student against naive. Not judged: where the loss hurts differs between ladders."""
    found: list[Verdict] = []
    for strong in dict.fromkeys(row["strong"] for row in rows if row["control"] != "true"):
        its = [row for row in rows if (row["weak"], row["strong"]) == (PAIR[0], strong)]
        naive = _mean([row for row in its if row["method"] == "naive"], "accuracy_student")
        for name, arm in _arms(its, "confidence").items():
            own = _mean(arm, "accuracy_student")
            label = f"{COUNTER_EXAMPLE}, {PAIR[0]} → {strong}: {name} {'hurts' if own < naive else 'does not hurt'}"
            found.append((label, None, f"{100 * own:.1f}% against {100 * naive:.1f}% of naive"))
    return found


def _arms(rows: Sequence[Row], method: str) -> dict[str, list[Row]]:
    """Rows by the method's parameters."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        if row["method"] == method:
            found.setdefault(f"{method} {json.loads(row['params'])['alpha']}", []).append(row)
    return found


def _of(rows: Sequence[Row], *tasks: str) -> list[Row]:
    return [row for row in rows if row["task"] in tasks]


def _pgr(rows: Sequence[Row]) -> float:
    weak, student, ceiling = (_mean(rows, f"accuracy_{role}") for role in ("weak", "student", "ceiling"))
    return (student - weak) / (ceiling - weak)


def _mean(rows: Sequence[Row], column: str) -> float:
    """Over tasks of the means over their seeds."""
    by_task: dict[str, list[float]] = {}
    for row in rows:
        by_task.setdefault(row["task"], []).append(float(row[column]))
    return fmean(fmean(values) for values in by_task.values())


if __name__ == "__main__":
    sys.exit(main())
