"""What is known of public models before any of them is fetched: sizes, licences, pinned revisions.

A family is a file of this package; importing one imports nothing heavy. A fact that was not read in a
public source is None: never a guess. Models that are in no family work too (any hub id or local folder);
these tables only spare the user a revision and let `w2s plan` count without a network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from w2s_ray.core.registry import Registry


@dataclass(frozen=True, kw_only=True)
class KnownModel:
    """Published facts of one checkpoint.

    `revision` is a commit of the hub that was read in public code. `parameters` counts tied matrices once,
    `parameters_without_embeddings` leaves out input and output embeddings and learned positions, `tokens` is
    what it was pretrained on, for the compute axis C = 6 N D. `lr` is a published learning rate of
    weak-to-strong finetuning. `context` is the longest input in tokens, 0 for images. `package` is the release
    of the weights where a Python package fetches them and not the hub.
    """

    hub: str
    revision: str | None
    parameters: int
    context: int
    licence: str
    parameters_without_embeddings: int | None = None
    tokens: float | None = None
    tied: bool = False
    gated: bool = False
    lr: float | None = None
    package: str = ""
    notes: str = ""


@dataclass(frozen=True, kw_only=True)
class Family:
    """Checkpoints of one architecture, by the short name that a sweep file uses.

    `model_types` are the values of `model_type` in a config.json that belong to the family; `medium` is what its
    models look at.
    """

    name: str
    models: Mapping[str, KnownModel]
    model_types: frozenset[str] = field(default_factory=frozenset)
    medium: Literal["text", "image"] = "text"


FAMILIES: Registry[Family] = Registry("model family", package="w2s_ray.models.families")


def register_family(
    name: str,
    models: Mapping[str, KnownModel],
    *,
    model_types: set[str],
    medium: Literal["text", "image"] = "text",
) -> Family:
    """Register a family under its name; called once, at the end of its file."""
    family = Family(name=name, models=models, model_types=frozenset(model_types), medium=medium)
    return FAMILIES.add(name)(family)


def find_model(name: str) -> tuple[Family, KnownModel] | None:
    """The family and facts of a short name, a hub id or its last part; None where the tables lack it."""
    for family in map(FAMILIES.__getitem__, FAMILIES):
        for short, model in family.models.items():
            if name in (short, model.hub, model.hub.split("/")[1].lower()):
                return family, model
    return None


def known_names() -> tuple[str, ...]:
    """All short names, in the order of the families."""
    return tuple(short for family in FAMILIES for short in FAMILIES[family].models)


def family_of_type(model_type: str) -> str:
    """The family that a config.json's `model_type` belongs to; "auto" where it is in none."""
    for family in map(FAMILIES.__getitem__, FAMILIES):
        if model_type in family.model_types:
            return family.name
    return "auto"
