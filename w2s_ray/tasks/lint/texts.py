"""Texts as numbers: words, their n-grams as hashes, sparse matrices of which n-grams a text has.

All hashes depend on content alone. Nothing here knows labels.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import sparse

from w2s_ray.tasks.examples import Examples

WORD = re.compile(r"\w+|[^\w\s]")
BEGIN, END = 1, 2  # stand before and after every text's words
EDGE = 256  # characters at either end of a text whose character n-grams count
CHARACTERS = 4  # of an n-gram
_MIX = 0x9E3779B97F4A7C15


@dataclass(frozen=True, eq=False)
class Windows:
    """Hashed n-grams: `hashes` uint64 [n-grams] and the text each is in, `rows` int64 [n-grams]."""

    hashes: np.ndarray
    rows: np.ndarray


def answers(examples: Examples) -> list[tuple[str, ...]]:
    """The texts less the words at their beginning that another example of their group and context shares.

    Of a candidate with its question in the text, this is the answer; the last word always stays.
    """
    found = list(examples.texts)
    if not found or len(found[0]) > 1:
        return found
    every = zip(examples.groups, examples.contexts, examples.texts, strict=True)
    keys = [(group, context[0], text[0]) for group, context, text in every]
    order = sorted(range(len(keys)), key=keys.__getitem__)
    shared = [0] * len(keys)
    for one, other in pairwise(order):
        if keys[one][:2] == keys[other][:2]:
            length = _shared(keys[one][2], keys[other][2])
            shared[one], shared[other] = max(shared[one], length), max(shared[other], length)
    return [(_after(text[0], length),) for text, length in zip(found, shared, strict=True)]


def words_of(text: str) -> list[str]:
    """Words and punctuation marks, as they are written."""
    return WORD.findall(text)


def word_windows(texts: Sequence[str], *nums: int, salt: int = 0) -> list[Windows]:
    """For each of `nums`, up to 3, the n-grams of so many words: one at least of each text.

    The edges of a text count as words: two before it and one behind.
    """
    known: dict[str, int] = {}
    ids: list[int] = []
    lengths = np.empty(len(texts), dtype=np.int64)
    for row, text in enumerate(texts):
        words = words_of(text)
        ids += (BEGIN, BEGIN)
        ids += [known.get(word) or known.setdefault(word, _word_id(word)) for word in words]
        ids.append(END)
        lengths[row] = len(words) + 3
    values = np.asarray(ids, dtype=np.uint64)
    return [_windows(values, lengths, num, salt) for num in nums]


def character_windows(texts: Sequence[str], salt: int = 0) -> Windows:
    """Sequences of 4 bytes at the edges of each text, in lower case."""
    parts = [_edges(text).encode() for text in texts]
    lengths = np.asarray([len(part) for part in parts], dtype=np.int64)
    return _windows(
        np.frombuffer(b"".join(parts), dtype=np.uint8).astype(np.uint64), lengths, CHARACTERS, salt
    )


def whole_windows(texts: Sequence[str], salt: int = 3) -> Windows:
    """Each text as one n-gram, but for spaces at its ends."""
    ids = np.asarray([_word_id(text.strip()) for text in texts], dtype=np.uint64)
    return Windows(mixed(ids, salt), np.arange(len(texts)))


def presence(num_rows: int, windows: Sequence[Windows], bits: int) -> sparse.csr_matrix:
    """Which n-grams each text has: float64 zeros and ones [texts, 2 ** bits]."""
    columns = np.concatenate([one.hashes >> np.uint64(64 - bits) for one in windows]).astype(np.int64)
    rows = np.concatenate([one.rows for one in windows])
    shape = (num_rows, 1 << bits)
    matrix = sparse.coo_matrix((np.ones(len(rows), dtype=np.float64), (rows, columns)), shape=shape).tocsr()
    matrix.data[:] = 1.0
    return matrix


def mixed(values: np.ndarray, salt: int) -> np.ndarray:
    """A random-looking function of uint64 values, another for each salt (splitmix64)."""
    values = values + np.uint64((salt + 1) * _MIX & (1 << 64) - 1)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(values ^ (values >> np.uint64(31)))


def _windows(ids: np.ndarray, lengths: np.ndarray, num: int, salt: int) -> Windows:
    rows = np.repeat(np.arange(len(lengths)), lengths)
    count = max(0, len(ids) - num + 1)
    hashes = np.full(count, np.uint64(num))
    for place in range(num):
        hashes = mixed(hashes ^ ids[place : place + count], salt)
    within = rows[:count] == rows[num - 1 : num - 1 + count]
    return Windows(hashes[within], rows[:count][within])


def _word_id(word: str) -> int:
    return (zlib.crc32(word.encode()) << 16) + (zlib.adler32(word.encode()) & 0xFFFF) + 16


def _edges(text: str) -> str:
    text = f"^{text.lower()}$"
    return text if len(text) <= 2 * EDGE else text[:EDGE] + text[-EDGE:]


def _shared(first: str, second: str) -> int:
    """Length of the beginning that two texts have in common."""
    low, high = 0, min(len(first), len(second))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if first[:middle] == second[:middle] else (low, middle - 1)
    return low


def _after(text: str, shared: int) -> str:
    """The text from the word in which the shared beginning ends."""
    end = min(shared, len(text.rstrip()) - 1)
    return text[text.rfind(" ", 0, end + 1) + 1 :] if shared else text
