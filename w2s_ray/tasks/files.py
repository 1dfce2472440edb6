"""Local data files: where they are, which split each holds, and what they are by content.

Standard library only, for it runs while a sweep is planned. A path is a file, whose rows are cut into
training and test rows by group, or a folder with one `<split>.<format>` for each split.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import time
from pathlib import Path

from w2s_ray.core.errors import ConfigError
from w2s_ray.core.specs import Source

FORMATS = ("jsonl", "jsonl.gz", "parquet", "csv")
# A file changed this recently may change again within one tick of its clock, so its digest is not remembered.
SETTLED_NS = 2_000_000_000


def source_of_files(path: str | Path) -> Source:
    """The source that these files are: names of splits, formats and bytes, never the path.

    Digests are remembered by path, size and time of change under the user's cache folder.
    """
    parts = [(split, format_of(file), _digest(file)) for split, file in sorted(files_in(path).items())]
    return Source(kind="files", digest=hashlib.sha256(json.dumps(parts).encode()).hexdigest())


def files_in(path: str | Path) -> dict[str, Path]:
    """Split → file of a folder, or {"": file} of a single file."""
    path = Path(path)
    if path.is_file():
        format_of(path)
        return {"": path}
    if not path.is_dir():
        raise ConfigError(f"no file or folder {str(path)!r}")
    found: dict[str, Path] = {}
    for file in sorted(path.iterdir()):
        suffix = _suffix(file)
        if suffix and file.is_file():
            split = file.name[: -len(suffix) - 1]
            if split in found:
                raise ConfigError(
                    f"{str(path)!r} holds the split {split!r} twice: {found[split].name}, {file.name}"
                )
            found[split] = file
    if not found:
        raise ConfigError(f"{str(path)!r} holds no data file; expected <split>.{{{', '.join(FORMATS)}}}")
    return found


def format_of(file: Path) -> str:
    """The format, told by the file's suffix; ConfigError for any other suffix."""
    suffix = _suffix(file)
    if not suffix:
        raise ConfigError(f"{str(file)!r}: unknown kind of data file; expected {', '.join(FORMATS)}")
    return suffix


def _suffix(file: Path) -> str:
    return next((suffix for suffix in FORMATS if file.name.lower().endswith(f".{suffix}")), "")


def _digest(file: Path) -> str:
    status, known = file.stat(), _remembered()
    stamp = [status.st_size, status.st_mtime_ns]
    entry = known.get(str(file.resolve()))
    if isinstance(entry, list) and entry[:2] == stamp and len(entry) == 3:
        return str(entry[2])
    with file.open("rb") as stream:
        content = hashlib.file_digest(stream, "sha256").hexdigest()
    if time.time_ns() - status.st_mtime_ns > SETTLED_NS:
        _remember({**known, str(file.resolve()): [*stamp, content]})
    return content


def _cache() -> Path:
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "w2s_ray" / "digests.json"


def _remembered() -> dict[str, object]:
    """What the cache holds; nothing where it is absent or damaged, for it can be computed again."""
    try:
        known = json.loads(_cache().read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _remember(known: dict[str, object]) -> None:
    with contextlib.suppress(OSError):  # a read-only home costs time, no more
        _cache().parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=_cache().parent, suffix=".json")
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(known, stream)
        Path(name).replace(_cache())
