"""A model folder on disk, named by what is in it, read without torch.

Only safetensors weights and plain tokenizer files count: a pickle is never opened, and a folder that needs
code of its own is refused. Digests of large files are kept in a small cache by path, size and time of change.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import struct
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from w2s_ray.core.errors import ConfigError
from w2s_ray.core.identity import digest
from w2s_ray.core.specs import Source
from w2s_ray.models.families import family_of_type

# Read by transformers besides config.json and the weights; anything else in the folder causes no number.
TOKENIZER_FILES = (
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.txt",
    "vocab.json", "merges.txt", "tokenizer.model", "spiece.model", "sentencepiece.bpe.model",
)  # fmt: skip
# Architectures that transformers itself implements, beyond those of the families: no code of the folder runs.
NATIVE_TYPES = frozenset({
    "albert", "bert", "bloom", "camembert", "deberta", "deberta-v2", "distilbert", "electra",
    "falcon", "gemma", "gemma2", "gemma3_text", "gpt_neo", "gptj", "granite", "mistral", "mixtral",
    "modernbert", "mpnet", "olmo", "olmo2", "opt", "phi", "phi3", "roberta", "smollm3", "stablelm",
    "starcoder2", "xlm-roberta",
})  # fmt: skip
_MAX_HEADER = 100_000_000
_SMALL = 1_000_000  # bytes below which hashing is quicker than asking the cache


def source_of_model(path: str) -> Source:
    """The content of a model folder: config, safetensors weights and tokenizer; ConfigError if unusable."""
    folder = Path(path).expanduser()
    check_config(read_config(folder), folder)
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        pickles = sorted(entry.name for entry in folder.glob("*.bin"))
        found = f"holds only pickled weights ({pickles[0]}); convert them" if pickles else "has no weights"
        raise ConfigError(f"{folder}: {found}: only *.safetensors is read")
    names = [
        "config.json",
        *TOKENIZER_FILES,
        *(entry.name for entry in folder.glob("*.safetensors.index.json")),
    ]
    files = [*weights, *(folder / name for name in names if (folder / name).is_file())]
    return Source(kind="files", digest=digest({entry.name: file_digest(entry) for entry in files}))


def read_config(folder: Path) -> Mapping[str, Any]:
    """The folder's config.json."""
    if not folder.is_dir():
        raise ConfigError(f"{folder}: no such folder")
    try:
        config = json.loads((folder / "config.json").read_bytes())
    except FileNotFoundError:
        raise ConfigError(f"{folder}: holds no config.json, so it is not a model") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{folder / 'config.json'}: cannot be read ({error})") from None
    if not isinstance(config, dict):
        raise ConfigError(f"{folder / 'config.json'}: not a configuration")
    return config


def check_config(config: Mapping[str, Any], folder: Path) -> None:
    """Refuse a model that only code of its own folder could load."""
    model_type = str(config.get("model_type", ""))
    native = model_type in NATIVE_TYPES or family_of_type(model_type) != "auto"
    if "auto_map" in config and not native:
        raise ConfigError(
            f"{folder}: the model type {model_type!r} needs code of the folder (auto_map); it is never run"
        )


def count_parameters(folder: Path, *, num_layers: int | None = None) -> int:
    """Parameters in the headers of the safetensors files; with `num_layers`, of that many first layers."""
    total = 0
    for path in sorted(folder.glob("*.safetensors")):
        for name, entry in _header(path).items():
            layer = re.search(r"\.(\d+)\.", name)
            if num_layers is None or layer is None or int(layer[1]) < num_layers:
                total += math.prod(entry["shape"])
    return total


def file_digest(path: Path) -> str:
    """The sha256 of a file's content, remembered for large files until its size or time changes."""
    status = path.stat()
    if status.st_size < _SMALL:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    key = f"{path.resolve()}|{status.st_size}|{status.st_mtime_ns}"
    cached = _cache_folder() / hashlib.sha256(key.encode()).hexdigest()
    try:
        known = cached.read_text()
        if re.fullmatch(r"[0-9a-f]{64}", known):
            return known
    except OSError:
        pass  # not seen before
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    _remember(cached, found)
    return found


def _remember(cached: Path, found: str) -> None:
    """Write a cache entry in one step; a cache that cannot be written only costs time."""
    try:
        cached.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=cached.parent, delete=False) as file:
            file.write(found)
        Path(file.name).replace(cached)
    except OSError:
        return


def _cache_folder() -> Path:
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "w2s_ray" / "digests"


def _header(path: Path) -> Mapping[str, Any]:
    """The tensors of a safetensors file: name → dtype and shape."""
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > _MAX_HEADER:
                raise ValueError(f"a header of {length} bytes")
            header = json.loads(file.read(length))
            return {name: entry for name, entry in header.items() if name != "__metadata__"}
    except (OSError, ValueError, struct.error, AttributeError) as error:
        raise ConfigError(f"{path}: not a safetensors file ({error})") from None
