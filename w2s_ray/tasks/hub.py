"""Rows from the Hugging Face hub, pinned and bounded. Only this file knows `datasets`.

A hub that does not answer one short request is asked no further: what is in the local cache serves, at once.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from w2s_ray.core.errors import EnvironmentFault
from w2s_ray.core.specs import Source, TaskSpec
from w2s_ray.tasks.base import Hub, Row, Task

MAIN = "main"
TIMEOUT_S = 5.0
_BATCH = 4096


def hub_of(task: Task, source: Source) -> Hub:
    """How the task reads `source`: its own way for its own repository, the plain way for any other."""
    return task.hub if source.name == task.source.name else Hub()


def hub_place(task: Task, source: Source, split: str) -> str:
    """Where a split's rows are, for messages."""
    return f"{source.name}@{source.revision or hub_of(task, source).branch} {split}"


def hub_rows(task: Task, spec: TaskSpec, split: str) -> Iterable[Row]:
    """The rows of a split that `datasets` loads; repositories that need a script are refused."""
    hub, source = hub_of(task, spec.source), spec.source
    options: dict[str, Any] = {"split": split, "revision": _revision(hub, source)}
    if hub.data_dir:
        options["data_dir"] = hub.data_dir
    with _asking(task, spec, split):
        import datasets

        rows = datasets.load_dataset(source.name, source.config or None, **options)
        rows = encoded(rows) if task.medium == "image" else rows
    return rows if hub.one_in == 1 else _thinned(rows, hub.one_in)


def encoded(rows: Any) -> Any:
    """The same rows of `datasets`, images left as the files they are instead of decoded."""
    from datasets import Image

    for name, feature in rows.features.items():
        if isinstance(feature, Image):
            rows = rows.cast_column(name, Image(decode=False))
    return rows


def hub_files(task: Task, spec: TaskSpec, split: str) -> list[Path]:
    """The Parquet files of a split, downloaded or from the cache."""
    hub, source = hub_of(task, spec.source), spec.source
    pattern = hub.parquet.format(split=split)
    with _asking(task, spec, split):
        from huggingface_hub import snapshot_download

        folder = snapshot_download(
            source.name, repo_type="dataset", revision=_revision(hub, source), allow_patterns=[pattern]
        )
        files = sorted(Path(folder).glob(pattern))
        if not files:
            raise FileNotFoundError(f"no file {pattern}")
    return files


def _revision(hub: Hub, source: Source) -> str | None:
    return source.revision or (None if hub.branch == MAIN else hub.branch)


@contextmanager
def _asking(task: Task, spec: TaskSpec, split: str) -> Iterator[None]:
    """Any failure inside says what to fetch, and how to do without the hub."""
    source = spec.source
    revision = source.revision or hub_of(task, source).branch
    try:
        with cache_if_unreachable():
            yield
    except Exception as error:  # the hub's clients raise a dozen kinds, of which none can be retried usefully
        raise EnvironmentFault(
            f"cannot load {hub_place(task, source, split)} from the Hugging Face hub "
            f"({type(error).__name__}: {error}). Fetch the dataset {source.name!r} at revision {revision} on a "
            f"connected machine and point tasks.{spec.name}.path to its rows: a file, or a folder of "
            f"<split>.jsonl.gz, .parquet or .csv"
        ) from error


@contextmanager
def cache_if_unreachable() -> Iterator[None]:
    """Without an answer from the hub, its clients are offline inside: they would retry for half a minute."""
    from datasets import config
    from huggingface_hub import constants

    if reachable():
        yield
        return
    before = constants.HF_HUB_OFFLINE, config.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = config.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE, config.HF_HUB_OFFLINE = before


def reachable() -> bool:
    """Whether the hub answers at all; never where HF_HUB_OFFLINE is set."""
    from huggingface_hub import constants, get_session

    try:
        get_session().head(constants.ENDPOINT, timeout=TIMEOUT_S)
    except Exception:  # whatever it is, there was no answer
        return False
    return True


def _thinned(rows: Any, one_in: int) -> Iterator[Row]:
    """One row in `one_in`, by a hash of its content: the same ones in any order and on any machine."""
    batches = rows.with_format("arrow").iter(_BATCH)
    for row in itertools.chain.from_iterable(batch.to_pylist() for batch in batches):
        content = json.dumps(row, sort_keys=True, default=str).encode()
        if int.from_bytes(hashlib.sha256(content).digest()[:8]) % one_in == 0:
            yield row
