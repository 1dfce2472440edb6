"""Near-duplicates by MinHash: sets of 3-word sequences, compared only where a band of their signatures agrees.

Broder 1997; Leskovec et al. 2014, ch. 3. Each query meets at most one row of the pool in each band, so the
work is linear in the texts and n log n in their number, whatever they repeat. What is found is exact (the
likeness is computed); what is missed is rare from a likeness of .8 on (one in 4,000).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

from w2s_ray.tasks.lint.texts import mixed, presence, word_windows

LIKE = 0.8  # Jaccard index from which two texts are near-duplicates
SHINGLE = 3  # words
BANDS, ROWS = 16, 4  # the signature's bands, and the hashes in each
_BITS = 30
_CHUNK = 20_000  # pairs compared at once
_BLOCK = 1_000  # texts signed at once


@dataclass(frozen=True, eq=False)
class Signatures:
    """MinHash signatures of texts: band keys uint64 [texts, bands], the sets [texts, hashes], their sizes."""

    bands: np.ndarray
    sets: sparse.csr_matrix
    sizes: np.ndarray


@dataclass
class Matches:
    """For each query the row of the pool that is like it (-1: none), and how much; how many were compared."""

    rows: np.ndarray
    similarity: np.ndarray
    num_compared: int = field(default=0)


def signatures(texts: Sequence[str]) -> Signatures:
    """Signatures of texts that have a word each."""
    (sets,) = word_windows(texts, SHINGLE)
    starts = np.searchsorted(sets.rows, np.arange(len(texts) + 1))
    parts = [np.zeros((0, BANDS), dtype=np.uint64)]
    for first in range(0, len(texts), _BLOCK):  # so many texts stay in the processor's cache
        places = starts[first : first + _BLOCK + 1]
        parts.append(_bands(sets.hashes[places[0] : places[-1]], places[:-1] - places[0]))
    present = presence(len(texts), [sets], _BITS)
    return Signatures(np.concatenate(parts), present, np.diff(present.indptr))


def _bands(hashes: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """The band keys of texts whose hashes begin at `starts`."""
    bands = np.zeros((len(starts), BANDS), dtype=np.uint64)
    for band in range(BANDS):
        for row in range(ROWS):
            lowest = np.minimum.reduceat(mixed(hashes, 100 + band * ROWS + row), starts)
            bands[:, band] = mixed(bands[:, band] ^ lowest, band)
    return bands


def near_twins(all_: Signatures, queries: np.ndarray, pool: np.ndarray) -> Matches:
    """A near-duplicate of each query among the pool, if the signatures show one. Both are rows of `all_`."""
    found = Matches(np.full(len(queries), -1), np.zeros(len(queries)))
    if not len(queries) or not len(pool):
        return found
    for band in range(BANDS):
        keys, first = np.unique(all_.bands[pool, band], return_index=True)
        asked = all_.bands[queries, band]
        place = np.minimum(np.searchsorted(keys, asked), len(keys) - 1)
        open_ = np.flatnonzero((keys[place] == asked) & (found.rows < 0))
        candidates = pool[first[place[open_]]]
        similarity = _likeness(all_, queries[open_], candidates)
        like = similarity >= LIKE
        found.rows[open_[like]] = candidates[like]
        found.similarity[open_[like]] = similarity[like]
        found.num_compared += len(open_)
    return found


def _likeness(all_: Signatures, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Jaccard index of pairs of rows."""
    sets, sizes = all_.sets, all_.sizes
    parts = [np.zeros(0)]
    for start in range(0, len(first), _CHUNK):
        one, other = first[start : start + _CHUNK], second[start : start + _CHUNK]
        shared = np.asarray(sets[one].multiply(sets[other]).sum(axis=1)).ravel()
        parts.append(shared / (sizes[one] + sizes[other] - shared))
    return np.concatenate(parts)
