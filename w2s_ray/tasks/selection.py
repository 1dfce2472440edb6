"""Which examples go where: the rules of splitting, as pure functions of content, sizes and seed.

Order comes from salted hashes of content, never from the order of rows: `rank`. Validation and test are drawn
with salts of their own, so that they stay while the seed moves the halves. The rules:

* identical inputs are one example; those with conflicting labels are dropped;
* a question keeps as many right as wrong candidates;
* where a class has over 55% of the rows, it is cut to the size of the next one (two classes: to equality;
  Burns et al. 2023, A.1); otherwise every split keeps the natural shares;
* groups that share an input, a question or a tie are one group, and a group is in one split.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from w2s_ray.tasks.base import Example
from w2s_ray.tasks.examples import example_id

MAJORITY = 0.55
Counts = Mapping[int, int]


@dataclass(frozen=True)
class Item:
    """An example with its id. `key` is equal for equal inputs, whichever of two texts comes first."""

    id: str
    key: str
    example: Example

    @property
    def label(self) -> int:
        return self.example.label

    @property
    def answer(self) -> str:
        """What tells a right answer from a wrong one: the class, or the text that is expected."""
        return self.example.target or str(self.example.label)

    @property
    def inputs(self) -> list[str]:
        """The full input of each text."""
        return inputs_of(self.example)

    @property
    def unit(self) -> str:
        """What is kept or dropped together: the candidates of a question, or the example alone."""
        return self.example.question or self.id


@dataclass(frozen=True)
class Pool:
    """Items that may be chosen, and how many were dropped for which reason."""

    items: list[Item]
    dropped: Counter[str] = field(default_factory=Counter)

    @property
    def counts(self) -> Counter[int]:
        return Counter(item.label for item in self.items)


def rank(salt: str, name: str) -> str:
    """The place of `name` in the random order that `salt` stands for."""
    return hashlib.sha256(f"{salt}\n{name}".encode()).hexdigest()


def inputs_of(example: Example) -> list[str]:
    return [context + text for context, text in zip(example.context, example.text, strict=True)]


def item_of(example: Example) -> Item:
    inputs = inputs_of(example)
    return Item(example_id(inputs), example_id(sorted(inputs)), replace(example, image=b""))


def distinct(items: Iterable[Item]) -> Pool:
    """One item for each input; an input seen with two labels is dropped, and so is a text against itself."""
    kept: dict[str, Item] = {}
    labels: dict[str, set[tuple[str, str]]] = {}
    dropped: Counter[str] = Counter()
    for item in items:
        if len(set(item.inputs)) < len(item.inputs):
            dropped["identical texts"] += 1
            continue
        twin = kept.setdefault(item.key, item)
        if twin is not item:
            dropped["duplicate"] += 1
            kept[item.key] = min(twin, item, key=_identity)
        labels.setdefault(item.key, set()).add(_better(item))
    for key, found in labels.items():
        if len(found) > 1:
            del kept[key]
            dropped["conflicting label"] += 1
    return Pool(list(kept.values()), dropped)


def balance_candidates(pool: Pool) -> Pool:
    """As many right as wrong candidates of each question, drawn by a hash; others are dropped."""
    questions: dict[str, list[Item]] = {}
    for item in pool.items:
        if item.example.question:
            questions.setdefault(item.example.question, []).append(item)
    kept = {item.id for candidates in questions.values() for item in _balanced(candidates)}
    items = [item for item in pool.items if not item.example.question or item.id in kept]
    surplus = Counter({"surplus candidate": len(pool.items) - len(items)})
    return Pool(items, pool.dropped + surplus)


def linked_groups(items: Iterable[Item]) -> dict[str, str]:
    """Group → the name of all groups it is tied to by a shared input, question or tie: 16 hex digits."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        parent.setdefault(name, name)
        while parent[name] != name:
            parent[name] = name = parent[parent[name]]
        return name

    groups = set()
    for item in items:
        example = item.example
        groups.add(example.group)
        question = [f"q{example.question}"] if example.question else []
        for tie in (f"i{item.key}", *question, *(f"t{name}" for name in example.ties)):
            first, second = sorted((root(f"g{example.group}"), root(tie)))
            parent[second] = first
    return {group: example_id([root(f"g{group}")]) for group in groups}


def regroup(pool: Pool, names: Mapping[str, str]) -> Pool:
    """The same pool under the names of its linked groups."""
    return Pool(
        [
            replace(item, example=replace(item.example, group=names[item.example.group]))
            for item in pool.items
        ],
        pool.dropped,
    )


def usable(counts: Counts) -> Counter[int]:
    """Rows of each class that balance leaves: a class with over 55% is cut to the size of the next one."""
    ordered = sorted(counts.values(), reverse=True)
    if len(ordered) < 2 or ordered[0] <= MAJORITY * sum(ordered):
        return Counter(counts)
    return Counter({label: min(num, ordered[1]) for label, num in counts.items()})


def quota(counts: Counts, num: int) -> Counter[int]:
    """`num` rows shared among the classes in proportion to `counts`, by largest remainder."""
    total = sum(counts.values())
    if not total:
        return Counter()
    shares = Counter({label: num * count // total for label, count in counts.items()})
    by_remainder = sorted(counts, key=lambda label: (-(num * counts[label] % total), label))
    shares.update(by_remainder[: num - shares.total()])
    return shares


def choose(items: Sequence[Item], sizes: Mapping[str, int], salt: str) -> dict[str, list[Item]]:
    """Part → its items: whole groups go to parts, then rows are chosen in each, all in the order of `salt`.

    `sizes` are upper bounds; classes keep the shares that balance leaves. Groups that no part needs stay out.
    """
    shares = usable(Counter(item.label for item in items))
    quotas = {part: quota(shares, min(size, shares.total())) for part, size in sizes.items()}
    groups: dict[str, Counter[int]] = {}
    for item in items:
        groups.setdefault(item.example.group, Counter())[item.label] += 1
    parts = _allot(groups, quotas, salt)
    found: dict[str, list[Item]] = {part: [] for part in sizes}
    for item in items:
        if item.example.group in parts:
            found[parts[item.example.group]].append(item)
    return {part: _fill(found[part], quotas[part], salt) for part in sizes}


def _allot(
    groups: Mapping[str, Counter[int]], quotas: Mapping[str, Counter[int]], salt: str
) -> dict[str, str]:
    """Group → part. Each group goes to the part, of those it adds to, that lacks the largest share."""
    need, parts = {part: Counter(wanted) for part, wanted in quotas.items()}, {}
    for name in sorted(groups, key=lambda group: rank(salt, group)):
        gaining = [part for part in quotas if any(need[part][label] for label in groups[name])]
        if gaining:
            part = max(gaining, key=lambda one: need[one].total() / quotas[one].total())
            parts[name] = part
            need[part] -= groups[name]
    return parts


def _fill(items: Sequence[Item], wanted: Counter[int], salt: str) -> list[Item]:
    units: dict[str, list[Item]] = {}
    for item in items:
        units.setdefault(item.unit, []).append(item)
    left, chosen = Counter(wanted), []
    for unit in sorted(units, key=lambda name: rank(salt, name)):
        counts = Counter(item.label for item in units[unit])
        if all(left[label] >= num for label, num in counts.items()):
            left -= counts
            chosen += units[unit]
    return chosen


def _balanced(candidates: Sequence[Item]) -> list[Item]:
    ordered = sorted(candidates, key=lambda item: rank("candidates", item.id))
    right = [item for item in ordered if item.label == 1]
    wrong = [item for item in ordered if item.label != 1]
    return [item for pair in zip(right, wrong, strict=False) for item in pair]


def _identity(item: Item) -> tuple[Any, ...]:
    """Tells copies of one input apart without regard to the order of rows."""
    return item.id, item.example.group, item.example.question, item.example.context


def _better(item: Item) -> tuple[str, str]:
    """The answer, in a form that does not change when the two texts of a pair change places."""
    if len(item.example.text) == 1:
        return "", item.answer
    return item.inputs[1 - item.label], ""
