"""A document against the schema: pydantic's errors become problems with a place and the nearest key."""

from __future__ import annotations

from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import ValidationError

from w2s_ray.core.registry import unknown
from w2s_ray.sweep.document import Document
from w2s_ray.sweep.schema import Section, SweepFile
from w2s_ray.sweep.strict_yaml import Where

_EXPECTED = {
    "model_type": "a mapping",
    "dict_type": "a mapping",
    "list_type": "a list",
    "int_type": "an integer",
    "float_type": "a number",
    "string_type": "a string",
    "bool_type": "true or false",
    "too_short": "at least one entry",
}


def read_schema(document: Document) -> SweepFile:
    """The file in its schema; every departure is a problem of the document, raised together."""
    try:
        return SweepFile.model_validate(document.data)
    except ValidationError as error:
        for item in error.errors(include_url=False, include_context=False):
            where = tuple(step for step in item["loc"] if step != "[key]")
            document.problem(where, _explain(item["type"], where, item["msg"], item["input"]))
    document.raise_problems()
    raise AssertionError("a validation error without errors")


def _explain(kind: str, where: Where, message: str, found: Any) -> str:
    if kind == "extra_forbidden":
        return unknown("key", str(where[-1]), _keys_at(where[:-1]))
    if kind == "missing":
        return "is required"
    if kind in _EXPECTED:
        message = f"expected {_EXPECTED[kind]}"
    text = message.removeprefix("Value error, ").removeprefix("Input ")
    shown = repr(found)
    if text.startswith("unknown "):
        return text
    return f"{text}; found {shown if len(shown) <= 60 else shown[:57] + '...'}"


def _keys_at(where: Where) -> list[str]:
    """The keys that a section knows, found by walking the schema along a path."""
    kind: Any = SweepFile
    for step in where:
        is_section = isinstance(kind, type) and issubclass(kind, Section)
        kind = _bare(kind.model_fields[str(step)].annotation if is_section else get_args(kind)[-1])
    return list(kind.model_fields)


def _bare(annotation: Any) -> Any:
    """A type without Annotated and without `| None`."""
    while get_origin(annotation) in (Annotated, Union, UnionType):
        annotation = get_args(annotation)[0]
    return annotation
