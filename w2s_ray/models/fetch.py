"""From a model's specification to a local folder of safe files: configuration, safetensors, tokenizer.

Hub repositories are downloaded (or found in the cache, when offline) at their revision; pickled weights are
never fetched, and code that ships with a repository is never run.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from w2s_ray.core.errors import EnvironmentFault
from w2s_ray.core.specs import ModelSpec

PATTERNS = ("*.json", "*.safetensors", "*.model", "*.txt", "*.jinja")


def fetch(model: ModelSpec, places: Mapping[str, str]) -> Path:
    """The folder of a hub or files model on this machine; EnvironmentFault says what is missing."""
    source = model.source
    if source.kind == "files":
        return _placed(source.digest, places)
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(source.name, revision=source.revision, allow_patterns=list(PATTERNS)))
    except Exception as error:  # the hub client raises a dozen kinds, of which none can be retried usefully
        revision = source.revision or "main"
        raise EnvironmentFault(
            f"model {source.name!r} at revision {revision} is neither in the local cache nor reachable "
            f"({type(error).__name__}); on a connected machine run `hf download {source.name} --revision "
            f"{revision}`, or point the model's `source` to a local folder"
        ) from error


def _placed(digest: str, places: Mapping[str, str]) -> Path:
    place = places.get(digest)
    if place is None or not Path(place).is_dir():
        raise EnvironmentFault(
            f"the model folder {place or digest[:12]} is not on this machine; share it with the workers"
        )
    return Path(place)
