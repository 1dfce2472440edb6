"""Templates over the columns of a row, such as `"Question: {question}"`: plain names in braces, and nothing more."""

from __future__ import annotations

import string
from functools import lru_cache

from w2s_ray.core.errors import ConfigError, DataError
from w2s_ray.tasks.base import Row


def placeholders(template: str, place: str) -> list[str]:
    """The columns a template names; attributes, indices and formats are refused."""
    try:
        fields = [
            (name, form, cast)
            for _, name, form, cast in string.Formatter().parse(template)
            if name is not None
        ]
    except ValueError as error:
        raise ConfigError(f"{place}: template {template!r}: {error}") from None
    for name, form, cast in fields:
        if not name or form or cast or set(name) & set(".[]"):
            raise ConfigError(
                f"{place}: template {template!r} has {{{name}}}; expected the plain name of a column"
            )
    return [name for name, _, _ in fields]


def fill(template: str, row: Row, *, required: bool = False) -> str:
    """The template over a row. An empty column is "" in it, and refused where it is `required`."""
    values = {name: "" if _absent(row[name]) else row[name] for name in _names(template)}
    for name, value in values.items():
        if required and not str(value).strip():
            raise DataError(f"column {name!r} is empty")
    return template.format_map(values)


@lru_cache(maxsize=64)
def _names(template: str) -> tuple[str, ...]:
    return tuple(name for _, name, _, _ in string.Formatter().parse(template) if name)


def _absent(value: object) -> bool:
    return value is None or value != value  # NaN alone differs from itself
