"""The offline world is LADDER's: surface rules score what was measured, and the latents can be recovered."""

import itertools
from collections import Counter

import pytest

from w2s_ray.core.identity import digest
from w2s_ray.tasks import world

NUM = 8000
NOISE = 4 * (0.25 / NUM) ** 0.5  # four standard errors


def accuracy(genre, vote):
    """Accuracy of the sign of a vote over a hard document's words; a tie counts one half."""
    score = 0.0
    for row in world.rows(genre, "train", NUM):
        votes = vote(row["text"].split())
        score += 0.5 if votes == 0 else float((votes > 0) == row["label"])
    return score / NUM


def adjectives(words):
    signs = {**dict.fromkeys(world.POSITIVE, 1), **dict.fromkeys(world.NEGATIVE, -1)}
    return [signs[word] for word in words if word in signs]


def numbers(words):
    return [1 if word.endswith("s") else -1 for word in words if word.removesuffix("s") in world.NOUNS]


@pytest.mark.parametrize(
    ("genre", "vote", "measured"),
    [
        ("review", lambda words: sum(adjectives(words)), 0.666),
        ("review", lambda words: adjectives(words)[-1], 0.664),
        ("agree", lambda words: numbers(words)[-1], 0.495),
        ("agree", lambda words: sum(numbers(words)), 0.833),
    ],
    ids=["adjective count", "last adjective", "last noun", "majority of nouns"],
)
def test_surface_rules_score_what_was_measured(genre, vote, measured):
    assert accuracy(genre, vote) == pytest.approx(measured, abs=NOISE)


def polarity(clause):
    negated = bool({"not", "never", "nobody"} & set(clause))
    return (adjectives(clause)[0] > 0) != negated


def test_the_verdict_follows_from_the_clauses_and_their_connective():
    for row in world.rows("review", "test", 500):
        words = row["text"].split()[2:-3]
        place, connective = next((i, word) for i, word in enumerate(words) if word in world.CONNECTIVES)
        first, second = polarity(words[:place]), polarity(words[place + 1 :])
        assert connective != "and" or first == second
        assert (second if connective == "but" else first) == row["label"]


def test_the_head_noun_is_the_first_one_after_the_place_phrase():
    for row in world.rows("agree", "test", 500):
        assert (numbers(row["text"].rsplit(",", 1)[-1].split())[0] > 0) == row["label"]


def test_board_has_2230_positions_and_the_winning_cell_is_free():
    assert len(world.positions()) == 2230
    for text, winning in world.positions()[::10]:
        assert text.split()[2 + winning] == world.CELLS[winning] + "_"


def test_board_is_enough_for_a_test_set_of_1000_and_two_halves_of_500():
    test, train = (list(world.rows("board", split, 1200)) for split in ("test", "train"))
    assert (len(test), len(train)) == (1000, 1230)
    assert not {row["text"] for row in test} & {row["text"] for row in train}


@pytest.mark.parametrize("genre", ["review", "agree"])
def test_documents_are_unique_over_train_and_test_and_balanced(genre):
    rows = [*world.rows(genre, "train", 1400), *world.rows(genre, "test", 1000)]
    assert len({row["text"] for row in rows}) == 2400
    assert Counter(row["label"] for row in rows) == {0: 1200, 1: 1200}


def test_no_review_occurs_in_two_preference_pairs():
    rows = [*world.rows("pref", "train", 700), *world.rows("pref", "test", 500)]
    assert len({row[side] for row in rows for side in ("first", "second")}) == 2400


def test_more_rows_begin_with_the_same_rows():
    assert list(world.rows("review", "train", 100)) == list(world.rows("review", "train", 300))[:100]


def test_the_vocabulary_holds_every_word_once_specials_first():
    assert world.VOCABULARY[:3] == ("<pad>", "<bos>", "<unk>")
    assert len(set(world.VOCABULARY)) == len(world.VOCABULARY) == 104
    corpus = {word for words in itertools.islice(world.corpus(1), 5000) for word in words}
    hard = {word for genre in ("review", "agree", "board") for row in world.rows(genre, "test", 900)
            for word in row["text"].split()}  # fmt: skip
    assert corpus | hard == set(world.VOCABULARY) - {"<pad>", "<unk>"}


def test_the_corpus_repeats_for_its_seed_and_draws_genres_by_weight():
    first, again, other = (list(itertools.islice(world.corpus(seed), 7000)) for seed in (1, 1, 2))
    assert first == again != other
    assert all(words[0] == "<bos>" and len(words) <= 64 for words in first)
    share = Counter("agree" if words[1] not in ("review", "board") else words[1] for words in first)
    assert share["review"] / 7000 == pytest.approx(1.5 / 3.5, abs=0.03)
    assert share["board"] / 7000 == pytest.approx(1 / 3.5, abs=0.03)


def test_board_in_the_corpus_moves_to_the_winning_cell_in_most_documents():
    winning = dict(world.positions())
    boards = [words for words in itertools.islice(world.corpus(3), 7000) if words[1] == "board"]
    right = sum(world.CELLS[winning[" ".join(words[:-1])]] == words[-1] for words in boards)
    assert 0.85 < right / len(boards) < 0.92  # 15% of moves are random, some of them right


def test_the_world_is_the_one_its_version_names():
    """Where this fails, the generated text has changed: bump VERSION, and then these digests."""
    known = {
        "review": "a932e8bd889f",
        "agree": "e0a0b00ba223",
        "board": "f0f95c22fc93",
        "pref": "bfc88bf85472",
    }
    assert {task: digest(list(world.rows(task, "test", 50)))[:12] for task in known} == known
    assert digest(list(itertools.islice(world.corpus(0), 200)))[:12] == "1a49102604fb"
    assert world.VERSION == 1


@pytest.mark.parametrize("genre", ["review", "agree", "board"])
def test_probes_are_prefixes_with_the_words_that_answer_them(genre):
    probes = world.probes(genre, 200, seed=0)
    assert probes == world.probes(genre, 200, seed=0) != world.probes(genre, 200, seed=1)
    for probe in probes:
        assert set(probe.prefix.split()) <= set(world.VOCABULARY)
        assert {word for words in probe.answers for word in words} <= set(world.VOCABULARY)
        assert 0 <= probe.label < len(probe.answers)
