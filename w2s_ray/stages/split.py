"""The split stage: rows of a task → `examples.parquet`, `split.json` and `lint.json`.

The test set and both parts of validation (`select`, `tune`) depend on content and specification alone; the
seed moves rows only between the halves `weak` and `transfer`. A training row whose group has a row in the
test set is dropped: test wins. The rules of choosing are `tasks/selection.py`.

A split that is in the store has passed the lint: a leak that the specification does not allow is an error.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from w2s_ray.core.errors import DataError
from w2s_ray.core.specs import SPLITS, TaskSpec
from w2s_ray.stages.job import Job, Outcome
from w2s_ray.tasks import Task, task_of
from w2s_ray.tasks.examples import Examples, write_examples
from w2s_ray.tasks.load import Table, examples_in, tables
from w2s_ray.tasks.selection import (
    Item,
    Pool,
    balance_candidates,
    choose,
    distinct,
    item_of,
    linked_groups,
    regroup,
    usable,
)

if TYPE_CHECKING:
    from w2s_ray.tasks.lint import Lint

logger = logging.getLogger(__name__)

FILE, LINT = "split.json", "lint.json"
# Where a size is 0, validation is one row for ten others, and the test set of a single file one row in five.
VALIDATION_PART, TEST_PART = 10, 5


@dataclass(frozen=True)
class Sizes:
    """Examples to choose for each training split: `half` twice, and the two parts of validation."""

    half: int
    select: int
    tune: int


@dataclass(frozen=True, kw_only=True)
class Found:
    """The items of each split, and what became of the others."""

    items: Mapping[str, list[Item]]
    num_rows: int
    num_silent: int  # rows that gave no example
    num_examples: int
    dropped: Counter[str]
    sizes: Sizes


@dataclass(frozen=True, kw_only=True, eq=False)
class Prepared:
    """A task with its examples in their splits, and the facts that the record keeps of them."""

    task: Task
    examples: Examples
    facts: dict[str, Any]


def run(job: Job, worker: object = None) -> Outcome:
    """Split a task's rows. `job.stage.spec` holds `task` (TaskSpec) and `seed`; `worker` is not used."""
    from w2s_ray.tasks.lint.run import lint_task

    spec, seed = job.stage.spec["task"], job.stage.spec["seed"]
    name = job.alias or spec.name
    made = prepare(spec, seed, job.places, name)
    found = lint_task(made.task, made.examples)
    _expect_no_leak(found, spec, name)
    facts = made.facts | {"lint": found.summary(spec.allow_leaks)}
    write_examples(job.out, made.examples)
    for file, content in ((FILE, facts), (LINT, found.to_json())):
        text = json.dumps(content, indent=1, sort_keys=True, allow_nan=False)
        (job.out / file).write_text(text, "utf-8")
    counts = facts["counts"]["splits"]
    logger.info("split %s: %s, lint %s", name, counts, found.worst)
    return Outcome(metrics={f"rows/{name}": float(num) for name, num in counts.items()}, facts=facts)


def prepare(spec: TaskSpec, seed: int, places: Mapping[str, str], name: str) -> Prepared:
    """Read and split a task's rows, without a lint.

    `places` says where the files of a source are, by its digest; `name` is what the user calls the task, with
    which every DataError begins.
    """
    task = task_of(spec)
    try:
        found = split(task, spec, seed, tables(task, replace(spec, name=name), places))
    except DataError as error:
        raise DataError(f"task {name!r}: {error}") from error
    if found.sizes.half < spec.half:
        logger.warning("split %s: too few rows for halves of %d: %d each", name, spec.half, found.sizes.half)
    return Prepared(task=task, examples=examples_of(task, found.items), facts=_facts(task, spec, found))


def _expect_no_leak(found: Lint, spec: TaskSpec, name: str) -> None:
    """DataError with every leak that the specification does not allow, and with how to allow it."""
    leaks = found.leaks(spec.allow_leaks)
    if not leaks:
        return
    checks = sorted({*spec.allow_leaks, *(leak.check for leak in leaks)})
    told = "; ".join(f"{leak.sentence} ({leak.check})" for leak in leaks)
    raise DataError(
        f"task {name!r} leaks, so nothing is trained on it: {told}. Look at its rows with `w2s lint` and "
        f"`w2s show`, and mend them or the template; or accept it by tasks.{name}.allow_leaks: "
        f"[{', '.join(checks)}]"
    )


def split(task: Task, spec: TaskSpec, seed: int, sources: Mapping[str, Table]) -> Found:
    """Choose the items of every split; DataError where one would be empty or hold a single class."""
    read = {role: _read(task, table) for role, table in sources.items()}
    raw = {role: [item for row in rows for item in row] for role, rows in read.items()}
    short = {role: _short(items, spec) for role, items in raw.items()}
    pools = _pools(short)
    test = _test(pools, spec)
    given = pools.get("train") or pools["all"]
    pool = without(given, test)
    sizes = _sizes(usable(pool.counts).total(), spec)
    items = {**_training(pool, sizes, seed), "test": test}
    _check(items, len({item.example.group for one in pools.values() for item in one.items}))
    dropped = sum((one.dropped for one in pools.values()), Counter[str]())
    if spec.max_chars:
        dropped["too long"] = sum(len(raw[role]) - len(short[role]) for role in raw)
    if "train" in pools:
        dropped["in the test set"] = len(given.items) - len(pool.items)
    return Found(
        items={name: items[name] for name in SPLITS},
        num_rows=sum(map(len, read.values())),
        num_silent=sum(not row for rows in read.values() for row in rows),
        num_examples=sum(map(len, raw.values())),
        dropped=dropped,
        sizes=sizes,
    )


def _read(task: Task, table: Table) -> list[list[Item]]:
    return [[item_of(example) for example in row] for row in examples_in(task, table)]


def _short(items: list[Item], spec: TaskSpec) -> list[Item]:
    """Items whose texts are as short as the specification asks: by characters, which no tokenizer changes."""
    longest = spec.max_chars
    return [item for item in items if not longest or max(map(len, item.example.text)) <= longest]


def trainable(task: Task, spec: TaskSpec, sources: Mapping[str, Table]) -> Pool:
    """All items that a split may choose for training, test rows of a single file among them."""
    raw = {role: [item for row in _read(task, table) for item in row] for role, table in sources.items()}
    pools = _pools({role: _short(items, spec) for role, items in raw.items()})
    return pools.get("train") or pools["all"]


def _pools(raw: Mapping[str, list[Item]]) -> dict[str, Pool]:
    """What may be chosen of each file: distinct items, candidates balanced, under the names of linked groups."""
    names = linked_groups(item for items in raw.values() for item in items)
    return {role: regroup(balance_candidates(distinct(items)), names) for role, items in raw.items()}


def _test(pools: Mapping[str, Pool], spec: TaskSpec) -> list[Item]:
    pool = pools["test"] if "test" in pools else pools["all"]
    available = usable(pool.counts).total()
    everything = available if "test" in pools else max(1, available // TEST_PART)
    bound = available if "test" in pools else available // 2
    return choose(pool.items, {"test": min(spec.test or everything, bound)}, "test")["test"]


def _training(pool: Pool, sizes: Sizes, seed: int) -> dict[str, list[Item]]:
    validation = choose(pool.items, {"select": sizes.select, "tune": sizes.tune}, "validation")
    rest = without(pool, [item for items in validation.values() for item in items])
    halves = choose(rest.items, {"weak": sizes.half, "transfer": sizes.half}, f"halves {seed}")
    return {**validation, **halves}


def without(pool: Pool, taken: Iterable[Item]) -> Pool:
    """The pool less every item whose input or group is among `taken`."""
    taken = list(taken)
    inputs, groups = {item.key for item in taken}, {item.example.group for item in taken}
    kept = [item for item in pool.items if item.key not in inputs and item.example.group not in groups]
    return Pool(kept, pool.dropped)


def _sizes(available: int, spec: TaskSpec) -> Sizes:
    """What was asked for, shrunk in proportion where there are fewer examples than that."""
    validation = spec.validation or (2 * spec.half or available) // VALIDATION_PART
    if not spec.half:
        validation = min(validation, available // 2)
    half = spec.half or (available - validation) // 2
    asked = 2 * half + validation
    if asked > available:
        half, validation = half * available // asked, validation * available // asked
    return Sizes(half, validation // 2, validation - validation // 2)


def _check(items: Mapping[str, list[Item]], num_groups: int) -> None:
    for name in SPLITS:
        answers = Counter(item.answer for item in items[name])
        if not answers:
            raise DataError(
                f"nothing is left for the split {name!r}; there are {num_groups} groups, and groups are never "
                f"divided. Give it more rows or ask for fewer"
            )
        if len(answers) < 2 and name in ("weak", "transfer", "test"):
            raise DataError(
                f"all {answers.total()} rows of the split {name!r} have the class {min(answers)}; nothing can be "
                f"learned from one class"
            )


def examples_of(task: Task, items: Mapping[str, list[Item]]) -> Examples:
    """The items of each split as examples, by split in the order given, then by id."""
    import numpy as np

    ordered = [(name, item) for name in items for item in sorted(items[name], key=lambda one: one.id)]
    return Examples(
        ids=tuple(item.id for _, item in ordered),
        groups=tuple(item.example.group for _, item in ordered),
        splits=tuple(name for name, _ in ordered),
        labels=np.asarray([item.label for _, item in ordered], dtype=np.int32),
        contexts=tuple(item.example.context for _, item in ordered),
        texts=tuple(item.example.text for _, item in ordered),
        targets=tuple(item.example.target for _, item in ordered) if task.kind == "text" else (),
    )


def _facts(task: Task, spec: TaskSpec, found: Found) -> dict[str, Any]:
    """What `split.json` holds. `prior`: share of class 1 in the transfer half, null beyond two classes."""
    classes = {name: Counter(item.label for item in items) for name, items in found.items.items()}
    kept = sum(map(len, found.items.values()))
    unused = found.num_examples - kept - found.dropped.total()
    return {
        "task": task.name,
        "kind": task.kind,
        "num_classes": task.num_classes,
        "num_texts": task.num_texts,
        "medium": task.medium,
        "label_words": list(task.label_words),
        "prior": classes["transfer"][1] / classes["transfer"].total() if task.num_classes == 2 else None,
        "asked": {"half": spec.half, "validation": spec.validation, "test": spec.test},
        "sizes": asdict(found.sizes),
        "counts": {
            "rows": found.num_rows,
            "rows without an example": found.num_silent,
            "examples": found.num_examples,
            "kept": kept,
            "dropped": {**found.dropped, "not needed": unused},
            "splits": {name: count.total() for name, count in classes.items()},
            "classes": {
                name: {str(label): count[label] for label in sorted(count)} for name, count in classes.items()
            },
        },
    }
