"""From a line of a sweep file to a ModelSpec: a rung of the offline ladder, a known name, hub id or folder.

Light: nothing is downloaded and no torch is imported, so validation and `w2s plan` stay instant.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from w2s_ray.core.errors import ConfigError
from w2s_ray.core.registry import unknown
from w2s_ray.core.specs import AdaptSpec, CorpusSpec, LoraSpec, ModelSpec, Regime, Source, TrainSpec
from w2s_ray.models.families import FAMILIES, KnownModel, family_of_type, find_model, known_names
from w2s_ray.models.families.torchvision import RELEASE
from w2s_ray.models.local import count_parameters, read_config, source_of_model
from w2s_ray.models.made import MADE, count_made, is_made, source_of_made
from w2s_ray.models.tiny import CONTEXT, CORPUS_CONTEXT, NUM_BYTE_TOKENS, TINY, VERSION, size_of
from w2s_ray.models.tiny import num_parameters as tiny_parameters

DEFAULT_CONTEXT = 1024  # tokens; that of the public weak-to-strong codes
WORLD_WORDS = 128  # about the vocabulary of the offline world: for estimates only
_LIBRARIES = ("timm/", "torchvision/")
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
# Overrides that would make another kind of thing of the checkpoint, or run code.
_REFUSED = frozenset({"auto_map", "trust_remote_code", "model_type", "architectures", "_name_or_path"})


@dataclass(frozen=True, kw_only=True)
class ModelEntry:
    """What a sweep file says of a model. `source` None looks the model up by its own name.

    `adapt` holds fields of AdaptSpec, and is None where the model reads no texts first. `corpus_places` maps each
    source of the corpus, by its digest, to where its files lie.
    """

    source: str | None = None
    revision: str | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    context: int | None = None
    pooling: Literal["auto", "last", "mean"] = "auto"
    pretrained: bool = True
    lora: LoraSpec | None = None
    regime: Regime | None = None
    lr: float | None = None
    pretrain_seed: int | None = None
    adapt: Mapping[str, Any] | None = None
    corpus: CorpusSpec | None = None
    corpus_places: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ResolvedModel:
    """A model to train: its spec, and what does not belong to the spec.

    `pretrain_seed` is that of the ladder's pretraining, None for every other model and for a control that is
    not pretrained. `place` is the folder of a local model, `corpus_places` are those of the files that it is
    pretrained on, by their digest. `lr` is what the entry asks for, `known_lr` what
    the family's table gives: a default weaker than the recipe's own.
    """

    spec: ModelSpec
    pretrain_seed: int | None = None
    place: str | None = None
    corpus_places: Mapping[str, str] = field(default_factory=dict)
    lr: float | None = None
    known_lr: float | None = None
    known: KnownModel | None = None


def resolve_model(alias: str, entry: ModelEntry) -> ResolvedModel:
    """The model that `entry` means; ConfigError names the nearest one where there is none."""
    found = _found(alias, entry)
    spec = replace(found.spec, adapt=_adapt(found, entry))
    if spec.regime == "lp-ft" and not spec.has_weights:
        raise ConfigError(
            "regime: lp-ft: random weights have nothing to probe first; `pretrained: true`, or `adapt`"
        )
    return replace(found, spec=spec)


def _found(alias: str, entry: ModelEntry) -> ResolvedModel:
    if refused := _REFUSED & set(entry.config):
        raise ConfigError(f"config: {sorted(refused)[0]!r} cannot be overridden")
    source = entry.source or alias
    if source.startswith("tiny/"):
        return _tiny(source, entry)
    if entry.pretrain_seed is not None:
        raise ConfigError("pretrain_seed belongs to the models of the offline ladder (tiny/…)")
    if entry.corpus is not None:
        raise ConfigError(
            "corpus belongs to the models of the offline ladder (tiny/…), which are pretrained here"
        )
    if is_made(source) or source.startswith(_LIBRARIES):
        return _extractor(source, entry)
    found = find_model(source)
    if entry.source is not None and is_path(source) and not (found and "/" not in source):
        return _folder(source, entry)
    if found:
        return _known(found[0].name, found[1], entry)
    if entry.source is not None and _HUB_ID.fullmatch(source):
        return ResolvedModel(spec=_spec("auto", _hub(source, entry.revision), entry, None), lr=entry.lr)
    raise ConfigError(_no_such(source, named=entry.source is not None))


def _adapt(found: ResolvedModel, entry: ModelEntry) -> AdaptSpec | None:
    """How a model reads texts first, at its own learning rate where no other one is given."""
    if entry.adapt is None:
        return None
    return AdaptSpec(**{"lr": found.lr or found.known_lr or TrainSpec().lr, **entry.adapt})


def is_path(source: str) -> bool:
    """Whether a source is a folder here rather than a name: /…, ./…, ../…, ~…, or a folder that exists."""
    return source.startswith(("/", "./", "../", "~")) or source in (".", "..") or Path(source).is_dir()


def num_parameters(spec: ModelSpec, place: str | None = None) -> int | None:
    """Parameters of a backbone for placement and cost, None where only the hub knows.

    A known checkpoint that is cut to fewer layers is counted whole: an upper bound.
    """
    if spec.family in MADE:
        return count_made(spec.source.name)
    layers = spec.config.get("num_hidden_layers", spec.config.get("n_layer"))
    if spec.source.kind == "world":
        vocabulary = NUM_BYTE_TOKENS if spec.corpus else WORLD_WORDS
        return tiny_parameters(size_of(spec.source.name), vocabulary)
    if spec.source.kind == "files":
        return count_parameters(Path(place).expanduser(), num_layers=layers) if place else None
    found = find_model(spec.source.name)
    return found[1].parameters if found else None


def medium_of(spec: ModelSpec) -> Literal["text", "image", ""]:
    """What a model looks at; "" where only its config.json, which is not here yet, can tell."""
    if spec.family in ("auto", "tiny"):
        return "text" if spec.family == "tiny" else ""
    return "image" if _sees_images(spec.family) else "text"


def _no_such(source: str, *, named: bool) -> str:
    if source in TINY:
        return f"unknown model {source!r}; did you mean 'source: tiny/{source}'?"
    hint = "" if named else "; or give it a source: a hub id, a folder or tiny/<size>"
    return unknown("model", source, known_names()) + hint


def _tiny(source: str, entry: ModelEntry) -> ResolvedModel:
    size = source.removeprefix("tiny/")
    size_of(f"tiny-{size}")  # names the nearest size if there is no such one
    if entry.revision is not None:
        raise ConfigError("a model of the offline ladder is made here, and has no revision")
    world = Source(kind="world", name=f"tiny-{size}", version=VERSION)
    seed = (entry.pretrain_seed or 0) if entry.pretrained else None
    spec = _spec("tiny", world, entry, CORPUS_CONTEXT if entry.corpus else CONTEXT)
    corpus = CorpusSpec() if entry.corpus and not entry.pretrained else entry.corpus
    return ResolvedModel(
        spec=replace(spec, corpus=corpus), pretrain_seed=seed, corpus_places=entry.corpus_places, lr=entry.lr
    )


def _extractor(source: str, entry: ModelEntry) -> ResolvedModel:
    """Frozen features that are made here, or a model of timm or torchvision by that library's own name."""
    library = source.partition("/")[0]
    if library == "timm":
        return ResolvedModel(spec=_spec("timm", _hub(source, entry.revision), entry, None), lr=entry.lr)
    if entry.revision is not None:
        raise ConfigError(f"{source!r} comes with a package, and has no revision")
    if library == "torchvision":
        found = find_model(source)
        known = found[1] if found else None
        package = Source(kind="package", name=source, config=known.package if known else RELEASE)
        return ResolvedModel(spec=_spec("torchvision", package, entry, None), lr=entry.lr, known=known)
    if entry.config or not entry.pretrained:
        raise ConfigError(f"{source!r} has no config to override and no weights to leave out")
    return ResolvedModel(spec=_spec(library, source_of_made(source), entry, None), lr=entry.lr)


def _known(family: str, known: KnownModel, entry: ModelEntry) -> ResolvedModel:
    if known.package:
        return _extractor(known.hub, entry)
    source = _hub(known.hub, entry.revision or known.revision)
    spec = _spec(family, source, entry, known.context)
    return ResolvedModel(spec=spec, lr=entry.lr, known_lr=known.lr, known=known)


def _folder(source: str, entry: ModelEntry) -> ResolvedModel:
    if entry.revision is not None:
        raise ConfigError("a local folder is named by its content, and has no revision")
    place = os.path.abspath(Path(source).expanduser())  # noqa: PTH100  (keeps symbolic links as they are)
    content, config = source_of_model(place), read_config(Path(place))
    longest = config.get("max_position_embeddings", config.get("n_positions"))
    family = family_of_type(str(config.get("model_type", "")))
    spec = _spec(family, content, entry, longest if isinstance(longest, int) else None)
    return ResolvedModel(spec=spec, place=place, lr=entry.lr)


def _hub(name: str, revision: str | None) -> Source:
    return Source(kind="hub", name=name, revision=revision)


def _spec(family: str, source: Source, entry: ModelEntry, longest: int | None) -> ModelSpec:
    if longest and entry.context and entry.context > longest:
        raise ConfigError(f"context = {entry.context}: the model has {longest} positions")
    return ModelSpec(
        family=family,
        source=source,
        config=dict(entry.config),
        context=entry.context or min(DEFAULT_CONTEXT, longest or DEFAULT_CONTEXT),
        pooling=entry.pooling,
        pretrained=entry.pretrained,
        lora=entry.lora,
        regime=_regime(family, entry),
    )


def _regime(family: str, entry: ModelEntry) -> Regime:
    """What is trained of a model: of one of images a probe and no more; a probe has no adapters."""
    regime: Regime = entry.regime or ("probe" if _sees_images(family) else "finetune")
    if _sees_images(family) and regime != "probe":
        raise ConfigError(f"regime: {regime}: a vision model stays frozen; `probe` learns from its features")
    if _sees_images(family) and entry.context is not None:
        raise ConfigError(f"context = {entry.context}: images have no tokens")
    if regime == "probe" and entry.lora is not None:
        raise ConfigError("lora: a probe leaves the model as it is, and has no adapters")
    return regime


def _sees_images(family: str) -> bool:
    return family in (*MADE, "timm") or (family in FAMILIES and FAMILIES[family].medium == "image")
