"""Local data files: where they are, which split each holds, and what they are by content.

Standard library only, for it runs while a sweep is planned. A path is a file, whose rows are cut into
training and test rows by group, or a folder with one `<split>.<format>` for each split.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from w2s_ray.core.errors import ConfigError
from w2s_ray.core.filecache import digest_of
from w2s_ray.core.specs import Source

FORMATS = ("jsonl", "jsonl.gz", "parquet", "csv")


def source_of_files(path: str | Path) -> Source:
    """The source that these files are: names of splits, formats and bytes, never the path."""
    parts = [(split, format_of(file), digest_of(file)) for split, file in sorted(files_in(path).items())]
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
