"""Near-duplicates: what the signatures find is what brute force finds, in work that grows with the rows."""

import random
import time

import numpy as np

from w2s_ray.tasks.lint.twins import BANDS, LIKE, near_twins, signatures

WORDS = [f"word{n}" for n in range(500)]


def text(rng, num_words=40):
    return " ".join(rng.choices(WORDS, k=num_words))


def changed(rng, original, num):
    """The text with `num` of its words replaced, side by side."""
    words = original.split()
    start = rng.randrange(len(words) - num)
    words[start : start + num] = rng.choices(WORDS, k=num)
    return " ".join(words)


def collection(num, seed=0):
    """Texts of which each in the second half is a changed copy of one in the first."""
    rng = random.Random(seed)
    first = [text(rng) for _ in range(num // 2)]
    return first + [changed(rng, one, n % 8) for n, one in enumerate(first)]


def shingles(one):
    words = ["^", "^", *one.split(), "$"]
    return {tuple(words[place : place + 3]) for place in range(len(words) - 2)}


def likeness(one, other):
    first, second = shingles(one), shingles(other)
    return len(first & second) / len(first | second)


def halves(num):
    return np.arange(num // 2, num), np.arange(num // 2)


def test_what_is_found_is_what_brute_force_finds():
    texts = collection(300)
    queries, pool = halves(300)
    found = near_twins(signatures(texts), queries, pool)
    for query, row, similarity in zip(queries, found.rows, found.similarity, strict=True):
        best = max(likeness(texts[query], texts[other]) for other in pool)
        assert (row >= 0) == (best >= LIKE)
        if row >= 0:
            assert abs(similarity - likeness(texts[query], texts[row])) < 1e-9


def test_a_signature_does_not_depend_on_the_other_texts():
    texts = collection(2300)
    together = signatures(texts).bands
    for row in (0, 999, 1000, 2299):
        assert (together[row] == signatures([texts[row]]).bands[0]).all()


def test_short_texts_have_signatures_too():
    found = near_twins(signatures(["hm", "well then", "hm", "…"]), np.asarray([2, 3]), np.asarray([0, 1]))
    assert found.rows.tolist() == [0, -1]


def test_an_empty_side_has_no_twins():
    none, some = np.zeros(0, dtype=int), np.arange(2)
    assert near_twins(signatures(["a b", "c d"]), some, none).rows.tolist() == [-1, -1]
    assert len(near_twins(signatures(["a b", "c d"]), none, some).rows) == 0


def test_no_query_is_compared_more_often_than_it_has_bands_even_if_all_texts_are_alike():
    rng = random.Random(0)
    frame = text(rng, 30)
    alike = [
        f"{frame} {' '.join(rng.choices(WORDS, k=14))}" for _ in range(2000)
    ]  # below LIKE, above most bands
    for texts in (collection(1000), collection(4000), alike):
        queries, pool = halves(len(texts))
        assert near_twins(signatures(texts), queries, pool).num_compared <= BANDS * len(queries)


def test_ten_times_the_texts_take_about_ten_times_as_long():
    def seconds(num):
        texts, began = collection(num), time.process_time()
        near_twins(signatures(texts), *halves(num))
        return time.process_time() - began

    assert seconds(10_000) < 40 * max(seconds(1_000), seconds(1_000), 0.01)
