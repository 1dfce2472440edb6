"""Lint: known leaks are caught, honest data are not, and the verdicts are numbers that can be checked."""

import json
import random
import subprocess
import sys
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import ks_2samp

from w2s_ray.cli.lint import lint_of
from w2s_ray.cli.prepare import Subject
from w2s_ray.cli.tasks import folder_of
from w2s_ray.core.specs import TaskSpec
from w2s_ray.tasks import TASKS
from w2s_ray.tasks.examples import Examples
from w2s_ray.tasks.files import files_in, source_of_files
from w2s_ray.tasks.lint import CHECKS
from w2s_ray.tasks.lint.linear import auroc, minimum
from w2s_ray.tasks.lint.run import lint, sample
from w2s_ray.tasks.lint.splits import length_shift
from w2s_ray.tasks.lint.texts import answers

DATA = Path(__file__).parents[2] / ".." / "shared" / "data"
SPLITS = ("weak", "transfer", "select", "tune", "test")
VOCABULARY = [
    f"{first}{second}" for first in "bdfgklmnprst" for second in ("an", "el", "ip", "or", "ud", "ast")
]


def text(seed, num_words=8):
    return " ".join(random.Random(seed).choices(VOCABULARY, k=num_words))


def coin(n, num=2):
    return random.Random(f"label {n}").randrange(num)


def questions(num=300):
    """Rows of multiple choice whose right answers are like the wrong ones."""
    return [
        {
            "q": f"Why {text(f'q{n}', 6)}?",
            "options": [text(f"{n}.{place}", 3) for place in range(4)],
            "right": n % 4,
        }
        for n in range(num)
    ]


CHOICES = {"text": "Q: {q} A: {choice}", "choices": "options", "answer": "right", "group": "q"}


def linted(folder, rows, **definition):
    """The lint of a described task over these rows."""
    file = folder / "rows.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    source = source_of_files(file)
    spec = TaskSpec(
        name="mine", version=1, source=source, half=0, validation=0, test=0, definition=definition
    )
    return lint_of(Subject(name="mine", spec=spec, places={source.digest: str(file)}).prepared())


def made(rows, num_texts=1):
    """Examples from (text or texts, label), dealt to the splits in turn."""
    texts = [one if isinstance(one, tuple) else (one,) for one, _ in rows]
    return Examples(
        ids=tuple(f"{n:016x}" for n in range(len(rows))),
        groups=tuple(f"g{n}" for n in range(len(rows))),
        splits=tuple(SPLITS[n % 5] for n in range(len(rows))),
        labels=np.asarray([label for _, label in rows], dtype=np.int32),
        contexts=tuple(("",) * len(one) for one in texts),
        texts=tuple(texts),
    )


def plain(num=400):
    return made([(text(n), coin(n)) for n in range(num)])


def checks(found, verdict="leak"):
    return {finding.check for finding in found.findings if finding.verdict == verdict}


def test_candidates_of_one_form_are_clean(tmp_path):
    found = linted(tmp_path, questions(), **CHOICES)
    assert not found.leaks()
    assert all(0.35 < baseline.auroc < 0.65 for baseline in found.measures.baselines)


def test_a_letter_for_the_right_answer_and_texts_for_the_wrong_ones_is_a_leak(tmp_path):
    rows = questions()
    for row in rows:
        row["options"][row["right"]] = "ABCD"[row["right"]]
    found = linted(tmp_path, rows, **CHOICES)
    assert {"answer_only", "bag_of_words", "surface", "phrases"} <= checks(found)
    assert "AUROC 1.000" in found.findings[0].sentence


@pytest.mark.parametrize("place", ["context", "text"])
def test_a_label_that_is_appended_to_the_prompt_is_a_leak(tmp_path, place):
    rows = [
        {"p": text(n, 120), "q": f"{text(-n)}?", "y": n % 2, "shown": f"Label: {n % 2}"}
        for n in range(1, 300)
    ]
    forms = {
        "context": {"context": "{p} {shown}\n", "text": "{q}"},
        "text": {"context": "{p}\n", "text": "{q} {shown}"},
    }
    assert {"bag_of_words", "surface", "phrases"} <= checks(linted(tmp_path, rows, **forms[place], label="y"))
    assert not linted(tmp_path, rows, context="{p}\n", text="{q}", label="y").leaks()


def test_none_of_the_above_that_is_always_wrong_is_a_leak_though_few_rows_have_it(tmp_path):
    rows = questions(600)
    for row in rows:
        row["options"].append("None of the above")
    found = linted(tmp_path, rows, **CHOICES)
    (phrase, *_) = found.measures.phrases
    assert phrase.text == "None of the above" and (phrase.label, phrase.purity) == (0, 1.0)
    assert 0.05 < phrase.share < 0.25 and checks(found) == {"phrases"}


def test_none_of_the_above_that_is_sometimes_right_is_no_leak(tmp_path):
    rows = questions(600)
    for n, row in enumerate(rows):
        row["options"].append("None of the above")
        row["right"] = n % 5
    assert not linted(tmp_path, rows, **CHOICES).leaks()


def test_a_better_text_that_is_always_longer_is_a_leak():
    rows = []
    for n in range(300):
        first, second = (text(f"{n}a", 12), text(f"{n}b", 6))
        rows.append(((first, second), 1) if n % 2 else ((second, first), 0))
    found = lint(made(rows), 2)
    assert found.measures.features[0].auroc == 1.0 and "surface" in checks(found)
    assert found.measures.first_better == pytest.approx(0.5)


def test_pairs_that_say_nothing_are_clean_and_the_place_of_the_better_one_is_told():
    pairs = [((text(f"{n}a"), text(f"{n}b")), coin(n)) for n in range(300)]
    assert not lint(made(pairs), 2).leaks()
    first = [(texts, int(n % 200 > 0)) for n, (texts, _) in enumerate(pairs)]
    assert "position" in checks(lint(made(first), 2))


def test_a_word_for_each_of_several_classes_is_a_leak_and_none_is_not():
    told = made([(f"{text(n)} class{n * 7 % 4}", n * 7 % 4) for n in range(400)])
    assert {"bag_of_words", "surface"} <= checks(lint(told, 4))
    found = lint(made([(text(n), coin(n, 4)) for n in range(400)]), 4)
    assert not found.leaks() and found.measures.baselines[-1].accuracy < 0.5


def test_a_group_in_two_splits_is_a_leak():
    examples = plain()
    found = lint(replace(examples, groups=("same", *examples.groups[1:4], "same", *examples.groups[5:])), 2)
    (leak,) = found.leaks()
    assert leak.check == "groups" and leak.sentence.startswith("1 of 80 test rows have a group")
    assert not found.leaks(allowed=["groups"])


def test_a_test_input_in_training_is_a_leak_whatever_its_case_and_spaces():
    examples = plain()
    texts = list(examples.texts)
    texts[4] = (f"  {texts[0][0].upper()}",)
    (leak,) = lint(replace(examples, texts=tuple(texts)), 2).leaks()
    assert leak.check == "duplicates" and f"{4:016x} and {0:016x}" in leak.sentence


def test_near_duplicates_across_splits_are_noted_with_an_example():
    rows = [(text(n, 40), n % 2) for n in range(200)]
    rows[4] = (f"{rows[0][0]} indeed", 0)
    found = lint(made(rows), 2)
    assert "near_duplicates" in checks(found, "note") and not found.leaks()
    (overlap,) = [
        one for one in found.measures.overlaps if one.check == "near_duplicates" and one.first == "test"
    ]
    assert (overlap.num, overlap.twins[0].second) == (1, f"{0:016x}")
    assert 0.9 < overlap.twins[0].similarity < 1


@pytest.mark.parametrize("num", [5, 10, 25])
def test_a_handful_of_rows_can_be_looked_at(num):
    found = lint(made([(f"{text(n)} 日本 é", n % 2) for n in range(num)]), 2)
    assert json.dumps(found.to_json(), allow_nan=False)


def test_a_target_that_is_text_has_its_splits_compared_alone():
    found = lint(plain(), 0)
    assert found.measures.baselines == () and len(found.measures.overlaps) == 12


def test_images_are_compared_by_name_and_their_classes_counted():
    found = lint(made([(f"image{n:064x}", n % 3) for n in range(60)]), 3, words=False)
    measures = found.measures
    assert [one.check for one in measures.baselines] == ["majority"]
    assert not (measures.features or measures.phrases) and measures.shift is None and not found.findings
    assert {one.check for one in measures.overlaps} == {"groups", "duplicates"}
    assert json.dumps(found.to_json(), allow_nan=False)


@pytest.mark.parametrize(("num", "verdict"), [(95, "note"), (100, "leak")])
def test_a_score_on_fewer_than_20_test_rows_is_no_leak(num, verdict):
    found = lint(made([(f"{text(n)} {n % 2}", n % 2) for n in range(num)]), 2)
    assert "bag_of_words" in checks(found, verdict)


def test_of_long_splits_whole_groups_are_read_and_of_short_ones_everything():
    examples = replace(plain(200), groups=tuple(f"g{n // 10 % 7}" for n in range(200)))
    some = sample(examples, 12)
    assert set(some.splits) == {"weak", "transfer", "test"}
    for split in ("weak", "transfer", "test"):
        here, all_ = some.where(split), examples.where(split)
        assert 12 <= len(here) < len(all_)
        assert all(here.groups.count(group) == all_.groups.count(group) for group in here.groups)
    assert sample(examples, 40).ids == examples.where("weak", "transfer", "test").ids


def test_longer_test_inputs_are_noted():
    rows = [(text(n, 30 if n % 5 == 4 else 10), coin(n)) for n in range(400)]
    (note,) = [one for one in lint(made(rows), 2).findings if one.check == "length_shift"]
    assert "30 words (median), those of the halves 10" in note.sentence


def test_the_shift_is_that_of_kolmogorov_and_smirnov():
    lengths = [random.Random(n).randrange(3, 30) + 4 * (n % 5 == 4) for n in range(500)]
    shift = length_shift(made([(text(n, length), 0) for n, length in enumerate(lengths)]))
    other = ks_2samp([x for n, x in enumerate(lengths) if n % 5 < 2], lengths[4::5], method="asymp")
    assert shift.statistic == pytest.approx(other.statistic)
    assert shift.p_value == pytest.approx(other.pvalue, rel=0.3)


def test_the_linear_model_is_the_minimum_of_its_loss():
    rng = np.random.default_rng(0)
    matrix, target = rng.normal(size=(40, 12)), np.where(rng.random(40) < 0.5, -1.0, 1.0)

    def loss(weights):
        margins = target * (matrix @ weights)
        gradient = matrix.T @ (-target / (1 + np.exp(margins))) / 40 + 0.01 * weights
        return np.logaddexp(0, -margins).mean() + 0.005 * weights @ weights, gradient

    found, best = minimum(loss, np.zeros(12)), minimize(loss, np.zeros(12), jac=True, tol=1e-12)
    assert loss(found)[0] == pytest.approx(best.fun, rel=1e-5) and np.allclose(found, best.x, atol=0.02)


def test_auroc_counts_the_pairs_in_order():
    rng = np.random.default_rng(0)
    scores, positive = rng.integers(0, 8, 60).astype(float), rng.random(60) < 0.4
    above = scores[positive][:, None] - scores[~positive][None, :]
    assert auroc(scores, positive) == pytest.approx((above > 0).mean() + (above == 0).mean() / 2)
    assert auroc(scores, np.zeros(60, dtype=bool)) == 0.5


def test_an_answer_is_what_a_candidate_does_not_share_with_the_others_of_its_question():
    rows = [
        ("Q: who came? A: the old man", 1),
        ("Q: who came? A: a dog", 0),
        ("Q: who left? A: Jo", 1),
        ("Alone.", 0),
    ]
    examples = replace(made(rows), groups=("one", "one", "one", "two"))
    assert answers(examples) == [("the old man",), ("a dog",), ("left? A: Jo",), ("Alone.",)]


def test_a_lint_is_the_same_in_another_process_with_another_hash_seed():
    code = (
        "import json; from tests.tasks.test_lint import plain; from w2s_ray.tasks.lint.run import lint; "
        "print(json.dumps(lint(plain(150), 2).to_json()))"
    )
    root = Path(__file__).parents[2]
    other = subprocess.run(
        [sys.executable, "-c", code], cwd=root, env={"PYTHONHASHSEED": "7", "PYTHONPATH": str(root)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(other.stdout) == json.loads(json.dumps(lint(plain(150), 2).to_json(), allow_nan=False))


def test_the_checks_are_a_closed_set_that_needs_no_numpy():
    assert {"bag_of_words", "groups", "near_duplicates"} < set(CHECKS)
    code = "import sys, w2s_ray.tasks.lint; print('numpy' in sys.modules, 'scipy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


@pytest.mark.parametrize("name", [name for name in TASKS if folder_of(name, DATA)])
def test_registered_tasks_leak_nothing_on_real_rows(name, tmp_path):
    import gzip

    folder = folder_of(name, DATA)
    for split, file in files_in(folder).items():
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            (tmp_path / f"{split}.jsonl").write_text(
                "".join(islice(lines, 700 if name == "mc_taco" else 400)), "utf-8"
            )
    source, task = source_of_files(tmp_path), TASKS[name]
    spec = TaskSpec(name=name, version=task.version, source=source, half=0, validation=0, test=0)
    found = lint_of(Subject(name=name, spec=spec, places={source.digest: str(tmp_path)}).prepared())
    assert not found.leaks(), found.findings


@pytest.mark.parametrize("name", [name for name in TASKS if TASKS[name].source.kind == "world"])
def test_no_task_of_the_offline_world_is_solved_by_a_trivial_model(name):
    task = TASKS[name]
    spec = TaskSpec(name=name, version=task.version, source=task.source, half=200, validation=100, test=200)
    assert not lint_of(Subject(name=name, spec=spec).prepared()).leaks()
