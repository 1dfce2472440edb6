"""Small results that the tests of the store commit and check."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from w2s_ray.core.record import Record
from w2s_ray.store import Store

FILES = {"predictions.parquet": b"PAR1" * 50, "model/weights.safetensors": b"\x07" * 300, "empty": b""}


def key_of(name: str, *, label: str = "review-s0", kind: str = "split") -> str:
    return f"{kind}/{label}-{sha256(name.encode()).hexdigest()[:12]}"


def record_of(name: str, *, label: str = "review-s0", **values) -> Record:
    identity = sha256(name.encode()).hexdigest()
    return Record(key=key_of(name, label=label), identity=identity, attempt="", files={}, **values)


def fill(folder: Path, files: Mapping[str, bytes] = FILES) -> None:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def commit(
    store: Store, name: str, files: Mapping[str, bytes] = FILES, *, label: str = "review-s0", **values
) -> Record:
    """Build and commit a result, as a stage does."""
    with store.building(key_of(name, label=label)) as attempt:
        fill(attempt.path, files)
        return store.commit(attempt, record_of(name, label=label, **values))


def content(folder: Path, names=FILES) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in names}
