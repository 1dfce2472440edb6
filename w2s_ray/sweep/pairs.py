"""The pairs of a sweep file and the methods of each: names become SweepPairs, and nothing is enumerated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from w2s_ray.core.errors import ConfigError
from w2s_ray.core.registry import unknown
from w2s_ray.methods.base import problems_of
from w2s_ray.models.resolve import ResolvedModel
from w2s_ray.sweep.document import Document
from w2s_ray.sweep.nouns import SweepPair
from w2s_ray.sweep.schema import PairEntry, SweepFile
from w2s_ray.sweep.space import MethodSpace, ParameterError, Space, method_entry
from w2s_ray.sweep.strict_yaml import Where

MAX_PAIRS = 100_000  # of one line, counted before its lists are multiplied


def read_pairs(
    document: Document, file: SweepFile, models: Mapping[str, ResolvedModel]
) -> tuple[SweepPair, ...]:
    """The pairs in the order written; one that stands twice in a grid has the methods of both."""
    search = file.search is not None
    common = _space(document, file.methods, ("methods",), search, file.models)
    spaces: dict[tuple[str, str, tuple[str, ...]], Space] = {}
    seen: set[tuple[str, str]] = set()
    for where, entry in _entries(document, file):
        tasks = _tasks(document, entry, where, file)
        own = common
        if entry.methods is not None:
            own = _space(document, entry.methods, (*where, "methods"), search, file.models)
        for pair in _products(document, entry, where, file, models):
            if search and pair in seen:
                document.problem(where, f"the pair {pair[0]} → {pair[1]} is listed twice")
            seen.add(pair)
            before = spaces[(*pair, tasks)].methods if (*pair, tasks) in spaces else ()
            spaces[(*pair, tasks)] = Space(methods=(*before, *own.methods))
    return tuple(
        SweepPair(weak=weak, strong=strong, space=space, tasks=tasks)
        for (weak, strong, tasks), space in spaces.items()
    )


def _tasks(document: Document, entry: PairEntry, where: Where, file: SweepFile) -> tuple[str, ...]:
    """The tasks of a line, in the order of the file."""
    if entry.tasks is None:
        return tuple(file.tasks)
    for name in entry.tasks:
        if name not in file.tasks:
            document.problem((*where, "tasks"), unknown("task", name, file.tasks))
    return tuple(name for name in file.tasks if name in entry.tasks)


def _entries(document: Document, file: SweepFile) -> list[tuple[Where, PairEntry]]:
    """The lines of `pairs`, or those that `all` stands for: every model with all that come after it."""
    if file.pairs is not None:
        return [(("pairs", index), entry) for index, entry in enumerate(file.pairs)]
    names = list(file.models)
    if len(names) < 2:
        document.problem(("pairs",), "`all` needs at least two models")
    return [
        (("pairs",), PairEntry(weak=[weak], strong=names[place + 1 :]))
        for place, weak in enumerate(names[:-1])
    ]


def _products(
    document: Document, entry: PairEntry, where: Where, file: SweepFile, models: Mapping[str, ResolvedModel]
) -> Iterator[tuple[str, str]]:
    """Every weak with every strong of one line."""
    for end, names in (("weak", entry.weak), ("strong", entry.strong)):
        for name in names:
            if name not in file.models:
                document.problem((*where, end), unknown("model", name, file.models))
    if (count := len(entry.weak) * len(entry.strong)) > MAX_PAIRS:
        document.problem(where, f"{count:,} pairs; at most {MAX_PAIRS:,}")
        return
    for weak in entry.weak:
        for strong in entry.strong:
            if not entry.allow_same and _same(models.get(weak), models.get(strong)):
                message = (
                    f"{weak} → {strong}: weak and strong are the same model; `allow_same: true` allows it"
                )
                document.problem(where, message)
            elif weak in models and strong in models:
                yield weak, strong


def _same(weak: ResolvedModel | None, strong: ResolvedModel | None) -> bool:
    if weak is None or strong is None:
        return False
    return (weak.spec, weak.pretrain_seed) == (strong.spec, strong.pretrain_seed)


def _space(
    document: Document, entries: Sequence[Any], where: Where, search: bool, models: Mapping[str, Any]
) -> Space:
    """The methods of a list; an entry is a name or {name: parameters}."""
    found: list[MethodSpace] = []
    names: set[str] = set()
    if not entries:
        document.problem(where, "is empty; name at least one method")
    for index, entry in enumerate(entries):
        place = (*where, index)
        space = _method(document, entry, place, search)
        if space is None:
            continue
        for problem in dict.fromkeys(problem for spec in space.samples() for problem in problems_of(spec)):
            document.problem(place, problem)
        for model in sorted(space.models - set(models)):
            document.problem(place, f"method {space.name!r}: {unknown('model', model, models)}")
        if search and space.name in names:
            document.problem(place, f"method {space.name!r} is listed twice; a search has one space for each")
        names.add(space.name)
        found.append(space)
    return Space(methods=tuple(found))


def _method(document: Document, entry: Any, where: Where, search: bool) -> MethodSpace | None:
    """The space of one entry, or None where a problem was noted."""
    if isinstance(entry, dict) and len(entry) == 1:
        where = (*where, next(iter(entry)))
    try:
        return method_entry(entry, search=search)
    except ParameterError as error:
        document.problem((*where, *error.key.split(".")), str(error))
    except ConfigError as error:
        document.problem(where, str(error))
    return None
