"""A model folder on disk, named by what is in it, read without torch.

Only safetensors weights and plain tokenizer files count: a pickle is never opened, and a folder that needs
code of its own is refused.
"""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from w2s_ray.core.errors import ConfigError
from w2s_ray.core.filecache import digest_of
from w2s_ray.core.identity import digest
from w2s_ray.core.specs import Source
from w2s_ray.models.families import family_of_type

# Read besides config.json and the weights; anything else in the folder causes no number.
PREPARING_FILES = (
    "preprocessor_config.json",
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


def source_of_model(path: str) -> Source:
    """The content of a model folder: config, safetensors weights, tokenizer or preprocessor; else ConfigError."""
    folder = Path(path).expanduser()
    check_config(read_config(folder), folder)
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        pickles = sorted(entry.name for entry in folder.glob("*.bin"))
        found = f"holds only pickled weights ({pickles[0]}); convert them" if pickles else "has no weights"
        raise ConfigError(f"{folder}: {found}: only *.safetensors is read")
    names = [
        "config.json",
        *PREPARING_FILES,
        *(entry.name for entry in folder.glob("*.safetensors.index.json")),
    ]
    files = [*weights, *(folder / name for name in names if (folder / name).is_file())]
    return Source(kind="files", digest=digest({entry.name: digest_of(entry) for entry in files}))


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
