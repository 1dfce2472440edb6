"""`w2s pin FILE` and `w2s doctor`: what only a connection to the Hugging Face hub can tell.

A pin is a branch resolved to its commit, once; pins are kept in a lock file beside the sweep, and bear
identity from then on as if they stood in the sweep itself.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from w2s_ray.core.errors import ConfigError, EnvironmentFault, W2SError
from w2s_ray.core.specs import TaskSpec

if TYPE_CHECKING:
    from w2s_ray.sweep.nouns import Sweep
    from w2s_ray.tasks import Task

COMMIT = re.compile(r"[0-9a-f]{40}")
PACKAGES = ("torch", "transformers", "datasets", "ray", "deepspeed", "mlflow", "optuna", "safetensors")
HEADER = "# Commits of the hub that the sweep of the same name uses, written by `w2s pin`.\n"


@dataclass(frozen=True, kw_only=True)
class Pin:
    """A repository's commit, and whose it is: `tasks.<alias>` or `models.<alias>`."""

    where: str
    source: str
    revision: str


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that was looked at."""

    name: str
    ok: bool
    detail: str

    @property
    def line(self) -> str:
        return f"{'ok' if self.ok else 'FAILED':6}  {self.name:22}  {self.detail}"


def lock_file(file: Path) -> Path:
    """`sweeps/full.yaml` has its pins in `sweeps/full.lock.yaml`."""
    return file.with_name(f"{file.stem}.lock.yaml")


def pin(file: Path, *, update: bool = False) -> list[Pin]:
    """Resolve every unpinned task and model of a sweep, write the lock file, and return all its pins.

    Commits that the lock file has already are kept, unless `update`. EnvironmentFault where the hub does not
    answer; nothing is written then.
    """
    from w2s_ray.sweep.config import load_sweep

    sweep = load_sweep(file)
    known = {} if update else {entry.where: entry for entry in _fitting(sweep, read_lock(file))}
    missing = [where for where in sweep.unpinned if where not in known]
    if missing:
        _expect_hub(
            f"cannot pin {', '.join(missing)}", "give each a `revision` of 40 hex digits, or a `path`"
        )
    found = [known.get(where) or _resolved(sweep, where) for where in sweep.unpinned]
    if found:
        _write(lock_file(file), found)
    return found


def load_locked(file: Path, overrides: Sequence[str] = ()) -> Sweep:
    """The sweep of `file` with the pins of its lock file, for what is unpinned otherwise."""
    from w2s_ray.sweep.config import load_sweep

    sweep = load_sweep(file, overrides)
    pins = _fitting(sweep, read_lock(file)) if sweep.unpinned else []
    extra = [f"{entry.where}.revision={json.dumps(entry.revision)}" for entry in pins]
    return load_sweep(file, [*overrides, *extra]) if extra else sweep


def read_lock(file: Path) -> list[Pin]:
    """The pins in the lock file of a sweep; none where there is no such file."""
    from w2s_ray.sweep.strict_yaml import load

    path = lock_file(file)
    if not path.exists():
        return []
    return [_entry(path, where, entry) for where, entry in load(path).data.items()]


def doctor(hub: bool) -> list[Check]:
    """The packages that a sweep needs; with `hub` also every registered dataset, loaded and counted."""
    checks = [_package(name) for name in PACKAGES]
    if hub:
        _expect_hub("cannot check the datasets", "connect, or unset HF_HUB_OFFLINE")
        checks += hub_checks()
    return checks


def hub_checks() -> Iterator[Check]:
    """A check of each registered task that has its rows on the hub, as it is done."""
    from w2s_ray.tasks import TASKS

    for name in TASKS:
        if TASKS[name].source.kind == "hub":
            yield check_task(TASKS[name])


def check_task(task: Task) -> Check:
    """Load a task's splits: columns and labels by its formatter, rows against its declaration."""
    from w2s_ray.tasks.load import examples_in, tables

    spec = TaskSpec(name=task.name, version=task.version, source=task.source, half=0, validation=0, test=0)
    counts, labels = {}, Counter[int]()
    try:
        for role, table in tables(task, spec, {}).items():
            counts[task.splits[role]] = 0
            for examples in examples_in(task, table):
                counts[task.splits[role]] += 1
                labels.update(example.label for example in examples)
    except W2SError as error:
        return Check(name=task.name, ok=False, detail=str(error))
    wrong = [split for split, num in counts.items() if not _expected(task, split, num)]
    rows = ", ".join(f"{split} {num:,}" + (f" (expected {task.rows[split]:,})" if split in wrong else "")
                     for split, num in counts.items())  # fmt: skip
    ok = not wrong and set(labels) == set(range(task.num_classes))
    place = f"{task.source.name}@{(task.source.revision or task.hub.branch)[:8]}"
    return Check(
        name=task.name,
        ok=ok,
        detail=f"{place}: {rows}; labels {dict(sorted(labels.items()))}",
    )


def _expected(task: Task, split: str, num: int) -> bool:
    """Whether a split has the rows it should: a twentieth more or less where only a share is read."""
    declared = task.rows.get(split)
    if declared is None:
        return num > 0
    share = declared / task.hub.one_in
    return num == declared if task.hub.one_in == 1 else abs(num - share) <= share / 20


def _package(name: str) -> Check:
    try:
        return Check(name=name, ok=True, detail=metadata.version(name))
    except metadata.PackageNotFoundError:
        return Check(name=name, ok=False, detail="is not installed")


def _expect_hub(what: str, instead: str) -> None:
    from w2s_ray.tasks.hub import reachable

    if not reachable():
        raise EnvironmentFault(
            f"{what}: the Hugging Face hub does not answer (or HF_HUB_OFFLINE is set); {instead}"
        )


def _resolved(sweep: Sweep, where: str) -> Pin:
    """The commit that a branch has now."""
    from huggingface_hub import HfApi

    from w2s_ray.tasks.hub import TIMEOUT_S, hub_of

    section, alias = where.split(".", 1)
    source = _source(sweep, where)
    entry = sweep.tasks.get(alias) if section == "tasks" else None
    branch = hub_of(entry.task, entry.spec.source).branch if entry else "main"
    ask = HfApi().dataset_info if section == "tasks" else HfApi().model_info
    try:
        commit = ask(source, revision=branch, timeout=TIMEOUT_S).sha
    except Exception as error:  # the hub's client raises a dozen kinds
        raise EnvironmentFault(
            f"{where}: cannot resolve {source!r} at {branch} ({type(error).__name__}: {error})"
        ) from error
    if not COMMIT.fullmatch(str(commit)):
        raise EnvironmentFault(
            f"{where}: the hub gave {commit!r} for {source!r} at {branch}, which is no commit"
        )
    return Pin(where=where, source=source, revision=str(commit))


def _source(sweep: Sweep, where: str) -> str:
    section, alias = where.split(".", 1)
    return (sweep.tasks if section == "tasks" else sweep.models)[alias].spec.source.name


def _fitting(sweep: Sweep, pins: Sequence[Pin]) -> list[Pin]:
    """The pins of what is unpinned in the sweep and still comes from the same repository."""
    return [
        entry
        for entry in pins
        if entry.where in sweep.unpinned and _source(sweep, entry.where) == entry.source
    ]


def _entry(path: Path, where: str, entry: Any) -> Pin:
    fields = entry if isinstance(entry, dict) else {}
    source, revision = fields.get("source"), fields.get("revision")
    if not isinstance(source, str) or not isinstance(revision, str) or not COMMIT.fullmatch(revision):
        raise ConfigError(
            f"{path}: {where}: expected a source and a revision of 40 hex digits, not {entry!r}"
        )
    return Pin(where=where, source=source, revision=revision)


def _write(path: Path, pins: Sequence[Pin]) -> None:
    """Replace the lock file in one step."""
    import yaml

    data = {entry.where: {"source": entry.source, "revision": entry.revision} for entry in pins}
    draft = path.with_name(f".{path.name}.draft")
    draft.write_text(HEADER + yaml.safe_dump(data, default_style='"', sort_keys=False), "utf-8")
    draft.replace(path)
