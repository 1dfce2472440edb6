"""Methods: one file, one method. A file that exists here is registered."""

from w2s_ray.methods.base import (
    METHODS,
    Method,
    Truth,
    build_method,
    is_strategy,
    kinds_of,
    method_spec,
    parameters,
)

__all__ = [
    "METHODS",
    "Method",
    "Truth",
    "build_method",
    "is_strategy",
    "kinds_of",
    "method_spec",
    "parameters",
]
