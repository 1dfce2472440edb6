"""The door to MLflow: the only `import mlflow` of this project, made when a tracker or a query is.

It keeps the client quiet and bounded (a dead server blocks a call for four minutes by default), keeps secrets
of URIs out of messages, and joins what one MLflow field cannot hold.
"""

from __future__ import annotations

import logging
import os
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from w2s_ray.core.errors import ConfigError
from w2s_ray.tracking import names

MAX_TAG = 8000
PAGE = 5000
_BOUNDED = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "GIT_PYTHON_REFRESH": "quiet",
}
_REFUSALS = {"INVALID_PARAMETER_VALUE", "BAD_REQUEST"}
_GONE = {"RESOURCE_DOES_NOT_EXIST", "RESOURCE_ALREADY_EXISTS", "INVALID_STATE"}


def default_uri(out: Path) -> str:
    """The sqlite database next to the results."""
    return f"sqlite:///{out.resolve() / 'mlflow.db'}"


def connect(uri: str) -> Any:
    """An MlflowClient with bounded waits; a variable that the user has set is left alone."""
    for name, value in _BOUNDED.items():
        os.environ.setdefault(name, value)
    from mlflow.tracking import MlflowClient

    # of MLflow's own table definitions, when its database store is imported; nobody here can act on it
    warnings.filterwarnings("ignore", message="The ``noload`` loader strategy", category=DeprecationWarning)
    for logger in ("mlflow", "alembic"):  # after the import, which sets levels of its own
        logging.getLogger(logger).setLevel(logging.WARNING)
    if path := sqlite_path(uri):
        path.parent.mkdir(parents=True, exist_ok=True)
    return MlflowClient(tracking_uri=uri)


def sqlite_path(uri: str) -> Path | None:
    """The file behind a sqlite URI, else None."""
    return Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else None


def find_experiment(client: Any, name: str, *, create_at: str | None = None) -> str:
    """The id of an experiment of ours. Where it is missing it is made if `create_at` (its URI) is given."""
    found = client.get_experiment_by_name(name)
    if found is None and create_at is not None:
        return str(_create(client, name, create_at))
    if found is None:
        known = sorted(
            each.name for each in client.search_experiments(filter_string=f"tags.`{names.SCHEMA_TAG}` != ''")
        )
        raise ConfigError(f"no experiment {name!r} here; known: {', '.join(known) or 'none of ours'}")
    if found.lifecycle_stage != "active":
        raise ConfigError(f"experiment {name!r} was deleted; restore it, or choose another name")
    schema = found.tags.get(names.SCHEMA_TAG)
    if schema is None:
        raise ConfigError(f"experiment {name!r} was not written by w2s_ray; choose another name")
    if schema != names.SCHEMA:
        raise ConfigError(f"experiment {name!r} has schema {schema}, this version reads {names.SCHEMA}")
    return str(found.experiment_id)


def search_all(client: Any, experiment_id: str, filter_string: str = "") -> list[Any]:
    """Every active run, oldest first, page by page."""
    found: list[Any] = []
    token = None
    while True:
        page = client.search_runs(
            [experiment_id],
            filter_string,
            max_results=PAGE,
            order_by=["attributes.start_time ASC"],
            page_token=token,
        )
        found += page
        token = page.token
        if not token:
            return found


def split_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Tags that MLflow can hold: a longer value goes on in `name.1`, `name.2`, …"""
    out = {}
    for name, value in tags.items():
        pieces = [value[at : at + MAX_TAG] for at in range(0, len(value), MAX_TAG)] or [""]
        out.update({name if not n else f"{name}.{n}": piece for n, piece in enumerate(pieces)})
    return out


def join_tag(tags: Mapping[str, str], name: str) -> str:
    """The inverse of `split_tags` for one tag; "" where it is missing."""
    value, number = tags.get(name, ""), 1
    while (piece := tags.get(f"{name}.{number}")) is not None:
        value, number = value + piece, number + 1
    return value


def is_refusal(error: Exception) -> bool:
    """Whether the server read the request and will never accept it; anything else is tried again."""
    return getattr(error, "error_code", "") in _REFUSALS


def is_gone(error: Exception) -> bool:
    """Whether what we knew about the server is no longer so: a run or an experiment was deleted."""
    return getattr(error, "error_code", "") in _GONE


def public(uri: str) -> str:
    """The URI without user, password and query."""
    return re.sub(r"//[^/@]*@", "//", uri.split("?", 1)[0])


def without_secrets(message: object, uri: str) -> str:
    """An error message in which the URI and its password do not appear."""
    text = str(message).replace(uri, public(uri))
    try:
        password = urlsplit(uri).password
    except ValueError:
        password = None
    for secret in {password, unquote(password or "")} - {None, ""}:
        text = text.replace(str(secret), "***")
    return re.sub(r"//[^/@\s]*@", "//", text)


def _create(client: Any, name: str, uri: str) -> str:
    path = sqlite_path(uri)
    location = (path.parent / "artifacts").resolve().as_uri() if path else None
    try:
        return str(
            client.create_experiment(name, artifact_location=location, tags={names.SCHEMA_TAG: names.SCHEMA})
        )
    except Exception as error:
        if not is_gone(error):
            raise
        return find_experiment(client, name)  # another process was first
