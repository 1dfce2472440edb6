"""`w2s show`: a method's parameters, a task's declaration, or its examples as a tokenizer sees them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import typer

from w2s_ray.cli.prepare import Subject
from w2s_ray.cli.tasks import dropped
from w2s_ray.core.errors import ConfigError
from w2s_ray.tasks import Task, task_of
from w2s_ray.tasks.show import WORDS, Tokens, declaration, example_lines, histogram, spread


def show_rows(subject: Subject, rows: int, tokenizer: Path | None) -> None:
    """Print a task's declaration, what became of its rows, `rows` of its examples, and the lengths of all."""
    task, spec = task_of(subject.spec), subject.spec
    task = replace(task, name=subject.name, half=spec.half, validation=spec.validation, test=spec.test)
    tokens = tokens_of(task, tokenizer)
    found = subject.prepared()
    inputs = [
        before + text
        for context, texts in zip(found.examples.contexts, found.examples.texts, strict=True)
        for before, text in zip(context, texts, strict=True)
    ]
    lines = [*declaration(task), *_counted(found.facts["counts"]), *_answers(found.examples.targets), ""]
    lines += example_lines(spread(found.examples, rows), task, tokens)
    typer.echo("\n".join([*lines, *histogram(tokens.counts(inputs), tokens.unit)]))


def _counted(counts: Mapping[str, Any]) -> Iterator[str]:
    """Lines in the form of a declaration's: rows and examples, the splits, what was dropped."""
    yield f"  {'read':9} {counts['rows']:,} rows, {counts['examples']:,} examples"
    yield f"  {'split':9} " + ", ".join(f"{num:,} {name}" for name, num in counts["splits"].items())
    if told := dropped(counts):
        yield f"  {'dropped':9} {told}"


def _answers(targets: Sequence[str]) -> Iterator[str]:
    """How many answers there are, and the share of the most frequent one, where answers are texts."""
    if targets:
        counts = Counter(targets)
        answer, num = min(counts.items(), key=lambda item: (-item[1], item[0]))
        share = num / len(targets)
        yield f"  {'answers':9} {len(counts):,} different ones, the most frequent is {answer!r} ({share:.1%})"


def tokens_of(task: Task, folder: Path | None) -> Tokens:
    """The tokens of a model's folder; by default the offline ladder's for its world, else words."""
    if folder is not None:
        return _tokens(_tokenizer_in(folder))
    if task.source.kind != "world":
        return WORDS
    from w2s_ray.models.tiny import build_tokenizer
    from w2s_ray.tasks.world import VOCABULARY

    return _tokens(build_tokenizer(VOCABULARY))


def _tokenizer_in(folder: Path) -> Any:
    if not folder.is_dir():
        raise ConfigError(
            f"no folder {str(folder)!r}; --tokenizer is the folder of a model with its tokenizer"
        )
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(f"{str(folder)!r} holds no tokenizer: {str(error).splitlines()[0]}") from error


def _tokens(tokenizer: Any) -> Tokens:
    def ids(texts: Sequence[str]) -> list[list[int]]:
        found: list[list[int]] = tokenizer(list(texts), truncation=False, verbose=False)["input_ids"]
        return found

    return Tokens(
        unit="tokens",
        counts=lambda texts: [len(row) for row in ids(texts)],
        pieces=lambda text: list(tokenizer.convert_ids_to_tokens(ids([text])[0])),
    )
