"""A task for people: its declaration, some of its examples as a model meets them, and how long they are.

Standard library only. What a token is comes from the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from w2s_ray.core.specs import Source
    from w2s_ray.tasks.base import Task
    from w2s_ray.tasks.examples import Examples

BINS, BAR = 12, 50  # of a histogram: its lines, and the longest bar in characters
LONGEST = 600  # characters of a text that are shown
GROUP = 60


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """What a text is made of: how many in each of many texts, and those of one text; `unit` names them."""

    unit: str
    counts: Callable[[Sequence[str]], list[int]]
    pieces: Callable[[str], list[str]]


WORDS = Tokens(unit="words", counts=lambda texts: [len(text.split()) for text in texts], pieces=str.split)


def declaration(task: Task) -> list[str]:
    """The lines that say what a task is; fields that it leaves empty are left out."""
    sizes = {"in each half": task.half, "validation": task.validation, "test": task.test}
    splits = ", ".join(f"{split} is {role}" for role, split in task.splits.items() if split != role)
    facts = {
        "source": _source(task.source),
        "columns": ", ".join(task.columns),
        "classes": ", ".join(map(repr, task.label_words)),
        "group": task.group,
        "splits": splits,
        "rows": ", ".join(f"{num:,} {split}" for split, num in task.rows.items()),
        "sizes": ", ".join(f"{num:,} {what}" if num else f"all {what}" for what, num in sizes.items()),
        "hub": ", ".join(f"{name} {value!r}" for name, value in _told(task).items()),
        "recipe": ", ".join(f"{name} {value}" for name, value in task.recipe.items()),
        "published": ", ".join(f"{name} {value:g}" for name, value in task.published.items()),
        "from": task.published_in,
    }
    head = f"{task.name} (version {task.version}): {task.kind}, {task.family}, licence {task.licence}"
    return [head, *(f"  {name:9} {value}" for name, value in facts.items() if value)]


def spread(examples: Examples, num: int) -> Examples:
    """`num` examples from all over the file, which is ordered by split; all of them if there are fewer."""
    total = len(examples)
    num = min(num, total)
    return examples.take([(2 * place + 1) * total // (2 * num) for place in range(num)])


def example_lines(examples: Examples, task: Task, tokens: Tokens) -> Iterator[str]:
    """Each example with its split, id, class and group, its texts, and what they are made of."""
    for row, (context, texts) in enumerate(zip(examples.contexts, examples.texts, strict=True)):
        group = _cut(examples.groups[row], GROUP)
        label = _class(task, int(examples.labels[row]))
        yield "  ".join([f"{examples.splits[row]} {examples.ids[row]}", *label, f"group {group}"])
        for place, (before, text) in enumerate(zip(context, texts, strict=True)):
            number = f" {place + 1}" if len(texts) > 1 else ""
            if before and not place:
                yield from _block("context", before)
            yield from _block(f"text{number}", text)
            pieces = tokens.pieces(before + text)
            yield from _block(f"{len(pieces)} {tokens.unit}", _cut("|".join(pieces), LONGEST // 2))
        if examples.targets:
            yield from _block("answer", examples.targets[row])
        yield ""


def histogram(lengths: Sequence[int], unit: str) -> list[str]:
    """How long inputs are: median, 95% and longest, and a bar for each range of lengths."""
    if not lengths:
        return [f"no {unit}"]
    ordered = sorted(lengths)
    middle, high = (ordered[int(share * (len(ordered) - 1))] for share in (0.5, 0.95))
    width = max(1, -(-(ordered[-1] - ordered[0] + 1) // BINS))
    bins = [0] * ((ordered[-1] - ordered[0]) // width + 1)
    for length in ordered:
        bins[(length - ordered[0]) // width] += 1
    lines = [f"{unit} in {len(ordered):,} inputs: median {middle}, 95% within {high}, longest {ordered[-1]}"]
    for place, num in enumerate(bins):
        low = ordered[0] + place * width
        bar = "█" * -(-num * BAR // max(bins))
        ends = f"{low}" if width == 1 else f"{low}-{low + width - 1}"
        lines.append(f"{ends:>13} {bar} {num:,}")
    return lines


def _source(source: Source) -> str:
    name = " ".join(part for part in (source.kind, source.name, source.config) if part)
    return name if source.kind != "hub" else f"{name} @ {source.revision or 'not pinned'}"


def _told(task: Task) -> dict[str, object]:
    """What the task says of its repository beyond the plain way to read one."""
    usual = type(task.hub)()
    return {name: value for name, value in vars(task.hub).items() if value != getattr(usual, name)}


def _class(task: Task, label: int) -> list[str]:
    if task.kind == "pairwise":
        return [f"text {2 - label} is better"]
    return [] if task.kind == "text" else [f"class {label} {task.label_words[label]!r}"]


def _block(name: str, text: str) -> Iterator[str]:
    for place, line in enumerate(_cut(text, LONGEST).split("\n")):
        yield f"  {name if not place else '':>10} │ {line}"


def _cut(text: str, longest: int) -> str:
    """The text without its middle where it is too long to show."""
    half = longest // 2
    return text if len(text) <= longest else f"{text[:half]} … {text[-half:]}"
