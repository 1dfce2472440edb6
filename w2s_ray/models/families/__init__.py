"""Families of public models: one file, one family. A file that exists here is registered."""

from w2s_ray.models.families.base import (
    FAMILIES,
    Family,
    KnownModel,
    family_of_type,
    find_model,
    known_names,
    register_family,
)

__all__ = [
    "FAMILIES",
    "Family",
    "KnownModel",
    "family_of_type",
    "find_model",
    "known_names",
    "register_family",
]
