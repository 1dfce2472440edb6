"""`w2s show`: a method's parameters, a task's declaration, or its examples as a tokenizer sees them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from w2s_ray.cli.prepare import prepared
from w2s_ray.core.errors import ConfigError
from w2s_ray.tasks import TASKS, Task
from w2s_ray.tasks.show import WORDS, Tokens, declaration, example_lines, histogram, spread


def show_rows(name: str, rows: int, path: Path | None, tokenizer: Path | None) -> None:
    """Print a task's declaration, `rows` of its examples, and the lengths of all of them."""
    if name not in TASKS:
        raise ConfigError(f"{name!r} is no task; only a task has rows")
    tokens = tokens_of(TASKS[name], tokenizer)
    found = prepared(name, path)
    inputs = [
        before + text
        for context, texts in zip(found.examples.contexts, found.examples.texts, strict=True)
        for before, text in zip(context, texts, strict=True)
    ]
    lines = [*declaration(found.task), "", *example_lines(spread(found.examples, rows), found.task, tokens)]
    typer.echo("\n".join([*lines, *histogram(tokens.counts(inputs), tokens.unit)]))


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
