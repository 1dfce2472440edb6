"""The offline world: generated English-like text whose labels are latent concepts.

Three genres (review, agree, board), each in a *mixed* version that language models are pretrained on and a
*hard* one that tasks are cut from; `pref` pairs hard reviews. A document is `<bos>`, a prefix and an answer,
as space-joined words; a task's text is the prefix alone. Rows come from fixed streams: they depend on VERSION
and on nothing else.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from typing import Any

VERSION = 1
SPECIALS = ("<pad>", "<bos>", "<unk>")

POSITIVE = ("good", "tasty", "kind", "clean", "lovely", "fine")
NEGATIVE = ("bad", "bland", "rude", "dirty", "ugly", "poor")
SUBJECTS = ("food", "staff", "room", "view")
CONNECTIVES = ("and", "but", "though")
REACTIONS = ("ugh", "yay")

NOUNS = ("dog", "key", "girl", "king", "boat", "tree", "door", "bird")
ADJECTIVES = ("red", "old")
PREPOSITIONS = ("near", "behind", "with")
PLACES = ("in", "at")

CELLS = ("a1", "b1", "c1", "a2", "b2", "c2", "a3", "b3", "c3")
MARKS = "xo_"
LINES = ((0, 1, 2), (3, 4, 5), (6, 7, 8), (0, 3, 6), (1, 4, 7), (2, 5, 8), (0, 4, 8), (2, 4, 6))
BOARD_TEST = 1000

REST = (
    "review",
    "the",
    "was",
    "not",
    "never",
    "everybody",
    "nobody",
    "found",
    "overall",
    "we",
    "board",
    "play",
)
PUNCTUATION = (".", ",")

# The words that answer each genre, by class.
ANSWERS: dict[str, tuple[tuple[str, ...], ...]] = {
    "review": (("avoided", "hated"), ("recommended", "loved")),
    "agree": (("is", "was"), ("are", "were")),
    "board": tuple((cell,) for cell in CELLS),
}
BETWEEN = " . "  # ends a document before the next one, as those that models are pretrained on mostly do
WEIGHTS = {"review": 1.5, "agree": 1.0, "board": 1.0}


def _vocabulary() -> tuple[str, ...]:
    words = {*POSITIVE, *NEGATIVE, *SUBJECTS, *CONNECTIVES, *REACTIONS, *ADJECTIVES, *PREPOSITIONS, *PLACES}
    words |= {*NOUNS, *(noun + "s" for noun in NOUNS), *CELLS}
    words |= {word for groups in ANSWERS.values() for group in groups for word in group}
    words |= {cell + mark for cell in CELLS for mark in MARKS}
    words |= {*REST, *PUNCTUATION}
    return (*SPECIALS, *sorted(words))


# Every word of the world, specials first; a word's place is its token id.
VOCABULARY = _vocabulary()


@dataclass(frozen=True)
class Probe:
    """A hard prefix, with the words that would answer it by class: the zero-shot health check.

    A model is right where the words of `answers[label]` together have the highest probability.
    """

    prefix: str
    answers: tuple[tuple[str, ...], ...]
    label: int


def corpus(seed: int) -> Iterator[list[str]]:
    """Endless mixed documents as lists of words, each beginning with `<bos>`; equal for equal seeds."""
    rng = Random(f"world-{VERSION}/corpus/{seed}")
    genres, weights = tuple(WEIGHTS), tuple(itertools.accumulate(WEIGHTS.values()))
    while True:
        (genre,) = rng.choices(genres, cum_weights=weights)
        label = rng.randrange(2)
        prefix, answer = _mixed(rng, genre, label)
        yield ["<bos>", *prefix, *answer]


def probes(genre: str, num: int, seed: int) -> list[Probe]:
    """`num` hard prefixes of a genre with their answers. Overlap with corpus or tasks is not excluded."""
    rng = Random(f"world-{VERSION}/probes/{genre}/{seed}")
    found = []
    for _ in range(num):
        if genre == "board":
            text, label = _pick(rng, positions())
        else:
            label = rng.randrange(2)
            text = _hard(rng, genre, label)
        found.append(Probe(text, ANSWERS[genre], label))
    return found


def rows(genre: str, split: str, num: int) -> Iterator[dict[str, Any]]:
    """`num` rows of a task ("train" or "test"), fewer only where the world has no more (board).

    Labels alternate, so any even number of rows is balanced; board's come in the order of a
    hash, and for training all of them. No document
    occurs twice, in one split or in both.
    """
    if genre == "board":
        ordered = sorted(positions(), key=lambda item: _hash("board", item[0]))
        chosen = ordered[:BOARD_TEST][:num] if split == "test" else ordered[BOARD_TEST:]
        return ({"text": text, "label": label} for text, label in chosen)
    if genre == "pref":
        return itertools.islice(_pairs(split), num)
    return itertools.islice(_labelled(genre, split), num)


def _labelled(genre: str, split: str) -> Iterator[dict[str, Any]]:
    texts = _unique(genre, genre, split)
    return ({"text": text, "label": label} for text, label in texts)


def _pairs(split: str) -> Iterator[dict[str, Any]]:
    reviews = _unique("pref", "review", split)
    for index in itertools.count():
        (bad, _), (good, _) = next(reviews), next(reviews)
        label = index % 2
        first, second = (good, bad) if label else (bad, good)
        yield {"first": first, "second": second, "label": label}


def _unique(task: str, genre: str, split: str) -> Iterator[tuple[str, int]]:
    """Hard prefixes with labels 0, 1, 0, 1 …, each once; a hash of the text says whose it is."""
    rng = Random(f"world-{VERSION}/{task}/{split}")
    seen: set[str] = set()
    for index in itertools.count():
        label = index % 2
        while True:
            text = _hard(rng, genre, label)
            if text not in seen and (_hash(task, text)[0] in "01234567") == (split == "test"):
                break
        seen.add(text)
        yield text, label


def _hard(rng: Random, genre: str, label: int) -> str:
    words = _review(rng, label, mixed=False) if genre == "review" else _agree(rng, label, mixed=False)
    return " ".join(["<bos>", *words])


def _mixed(rng: Random, genre: str, label: int) -> tuple[list[str], list[str]]:
    if genre == "review":
        return _review(rng, label, mixed=True), [_pick(rng, ANSWERS["review"][label]), "."]
    if genre == "agree":
        verb = _pick(rng, ANSWERS["agree"][label])
        return _agree(rng, label, mixed=True), [verb, _pick(rng, ADJECTIVES), "."]
    text, winning = _pick(rng, positions())
    prefix = text.split()[1:]
    free = [cell for cell, square in zip(CELLS, prefix[1:-1], strict=True) if square.endswith("_")]
    return prefix, [_pick(rng, free) if rng.random() < 0.15 else CELLS[winning]]


def _review(rng: Random, verdict: int, *, mixed: bool) -> list[str]:
    reacted = mixed and rng.random() < 0.4
    if mixed and rng.random() < 0.3:
        clauses = _clause(rng, verdict, reacted)
    else:
        connective, other = _pick(rng, CONNECTIVES), rng.randrange(2)
        first = other if connective == "but" else verdict
        second = other if connective == "though" else verdict
        clauses = [*_clause(rng, first, reacted), connective, *_clause(rng, second, reacted)]
    return ["review", *clauses, ".", "overall", "we"]


def _clause(rng: Random, polarity: int, reacted: bool) -> list[str]:
    negated = rng.random() < 0.25
    adjective = _pick(rng, POSITIVE if polarity != negated else NEGATIVE)
    subject = _pick(rng, SUBJECTS)
    if rng.random() < 0.5:
        words = ["the", subject, "was", *([_pick(rng, ("not", "never"))] if negated else []), adjective]
    else:
        words = ["nobody" if negated else "everybody", "found", "the", subject, adjective]
    return [*words, REACTIONS[polarity]] if reacted else words


def _agree(rng: Random, plural: int, *, mixed: bool) -> list[str]:
    words: list[str] = []
    if rng.random() < 0.6:
        words += [_pick(rng, PLACES), *_noun(rng, _like(rng, plural, 0.7))]
        if rng.random() < 0.4:
            words += [_pick(rng, PREPOSITIONS), *_noun(rng, _like(rng, plural, 0.7), adjective=False)]
        words.append(",")
    words += _noun(rng, plural)
    attractors = rng.randrange(4) if mixed else 1 + rng.randrange(3)
    for left in reversed(range(attractors)):
        number = _like(rng, plural, 0.7 if left else 0.5)
        words += [_pick(rng, PREPOSITIONS), *_noun(rng, number)]
    return words


def _noun(rng: Random, plural: int, *, adjective: bool = True) -> list[str]:
    described = [_pick(rng, ADJECTIVES)] if adjective and rng.random() < 0.2 else []
    return ["the", *described, _pick(rng, NOUNS) + ("s" if plural else "")]


def _like(rng: Random, plural: int, probability: float) -> int:
    return plural if rng.random() < probability else 1 - plural


@lru_cache(maxsize=1)
def positions() -> tuple[tuple[str, int], ...]:
    """All 2,230 positions of board with their winning cell: 2-4 x, as many o or one fewer, x to move."""
    found = []
    for board in itertools.product(MARKS, repeat=9):
        num_x, num_o = board.count("x"), board.count("o")
        if not (2 <= num_x <= 4 and num_x - 1 <= num_o <= num_x) or _won(board, "x") or _won(board, "o"):
            continue
        winning = [cell for cell in range(9) if _wins(board, cell)]
        if len(winning) == 1:
            squares = " ".join(cell + mark for cell, mark in zip(CELLS, board, strict=True))
            found.append((f"<bos> board {squares} play", winning[0]))
    return tuple(found)


def _won(board: Sequence[str], mark: str) -> bool:
    return any(all(board[cell] == mark for cell in line) for line in LINES)


def _wins(board: Sequence[str], cell: int) -> bool:
    return board[cell] == "_" and _won([*board[:cell], "x", *board[cell + 1 :]], "x")


def _pick(rng: Random, items: Sequence[Any]) -> Any:
    return items[int(rng.random() * len(items))]


def _hash(salt: str, text: str) -> str:
    return hashlib.sha256(f"{salt}\n{text}".encode()).hexdigest()
