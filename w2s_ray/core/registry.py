"""A strict registry: names are unique, and a lookup that fails names the nearest entry."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

from w2s_ray.core.errors import ConfigError

T = TypeVar("T")


def unknown(noun: str, name: str, known: Iterable[str]) -> str:
    """The message for a name that is not known: the nearest one, or all of them."""
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
    return f"unknown {noun} {name!r}; {hint}"


class Registry(Generic[T]):
    """Entries by name, found in the modules of one package: a file that exists there is registered.

    The modules are imported at the first lookup, in the order of their names, and must be light: no torch,
    transformers or datasets at their top level.
    """

    def __init__(self, noun: str, *, package: str | None = None) -> None:
        self._noun = noun
        self._package = package
        self._entries: dict[str, T] = {}
        self._discovering = threading.RLock()

    def add(self, name: str) -> Callable[[T], T]:
        """Decorator or function: register an entry under `name`; a name taken twice is our own bug."""

        def register(entry: T) -> T:
            if name in self._entries:
                raise ValueError(f"{self._noun} {name!r} is registered twice")
            self._entries[name] = entry
            return entry

        return register

    def __getitem__(self, name: str) -> T:
        self._discover()
        try:
            return self._entries[name]
        except KeyError:
            raise ConfigError(unknown(self._noun, name, self._entries)) from None

    def __contains__(self, name: object) -> bool:
        self._discover()
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        self._discover()
        return iter(sorted(self._entries))

    def __len__(self) -> int:
        self._discover()
        return len(self._entries)

    def _discover(self) -> None:
        with self._discovering:  # a second thread waits until all entries are there
            if self._package is None:
                return
            name, self._package = self._package, None
            try:
                for module in pkgutil.iter_modules(importlib.import_module(name).__path__):
                    importlib.import_module(f"{name}.{module.name}")
            except BaseException:
                self._package = name  # half a registry would call a known name unknown
                raise
