"""The pitfalls of the paper's datasets, each met: sentinels, shortcuts, several right answers, order of pairs."""

from pathlib import Path

import pytest

from tests.tasks.hub_rows import rows_of
from w2s_ray.cli.tasks import folder_of, summary, task_table
from w2s_ray.core.errors import DataError
from w2s_ray.core.specs import TaskSpec
from w2s_ray.stages.split import split
from w2s_ray.tasks import TASKS
from w2s_ray.tasks.load import Table, examples_in
from w2s_ray.tasks.selection import item_of, linked_groups

DATA = Path(__file__).parents[2] / ".." / "shared" / "data"
PAPER = {
    "boolq", "cosmos_qa", "dream", "ethics_justice", "ethics_deontology", "ethics_virtue", "ethics_utilitarianism",
    "anli_r2", "cola", "sst2", "hellaswag", "mc_taco", "openbookqa", "paws", "quail", "piqa", "quartz", "sciq",
    "social_i_qa", "multirc", "wic", "twitter_sentiment",
}  # fmt: skip
SIQA = {
    "context": "Jo fell.",
    "question": "How is Jo?",
    "answerA": "sore",
    "answerB": "glad",
    "answerC": "rich",
}
PIQA = {"goal": "open a jar", "sol1": "twist the lid", "sol2": "shout at it"}
SWAG = {"ctx": "A man runs. He", "source_id": "", "endings": ["stops.", "flies.", "melts.", "rains."]}
COSMOS = {"context": "It rained.", "question": "Why?", "answer0": "Clouds .", "answer1": "Magic .",
          "answer2": "None of the above choices .", "answer3": "Fish ."}  # fmt: skip
TACO = {"sentence": "He slept.", "question": "How long?", "answer": "8 hours"}
BOOK = {"question_stem": "Ice is", "choices": {"text": ["hot", "cold"], "label": ["A", "B"]}}
PAWS = {"sentence1": "a saw b", "sentence2": "b saw a"}
WIC = {"word": "run", "sentence1": "He ran home.", "start1": 3, "end1": 6,
       "sentence2": "A run of luck, a run of it.", "start2": 17, "end2": 20}  # fmt: skip
POST = rows_of("summarize_comparisons", "train", 1)[0]


def examples(name, **row):
    return TASKS[name].examples(row)


def chosen(name, rows):
    """The split of these rows, for training and test alike."""
    task = TASKS[name]
    spec = TaskSpec(name=name, version=1, source=task.source, half=0, validation=0, test=0)
    return split(task, spec, 0, {"all": Table("rows", rows)})


def test_all_22_datasets_of_the_paper_are_here():
    assert len(PAPER) == 22
    assert all(TASKS[name].family == "nlp" and TASKS[name].kind == "binary" for name in PAPER)
    rewards = {name for name in TASKS if TASKS[name].family == "reward"}
    assert rewards == {"hh_harmless", "hh_helpful", "summarize_comparisons", "ultrafeedback"}
    assert all(TASKS[name].recipe == {"batch": 220, "epochs": 1} for name in rewards)


@pytest.mark.parametrize(
    ("name", "row", "label", "right"),
    [
        ("social_i_qa", SIQA, "2", "Q: How is Jo? A: glad"),
        ("piqa", PIQA, "1", "Goal: open a jar Solution: shout at it"),
        ("hellaswag", SWAG, "0", " stops."),
        ("cosmos_qa", COSMOS, 3, "Q: Why? A: Fish ."),
        ("openbookqa", BOOK, " B ", "Q: Ice is A: cold"),
    ],
)
def test_the_right_choice_is_found_whatever_the_labels_type(name, row, label, right):
    column = "answerKey" if name == "openbookqa" else "label"
    found = examples(name, **row, **{column: label})
    assert [example.text[0] for example in found if example.label == 1] == [right]
    assert all(example.question for example in found)


@pytest.mark.parametrize("sentinel", [-1, "", "-1", None, "5"])
@pytest.mark.parametrize(
    ("name", "row"),
    [("social_i_qa", SIQA), ("piqa", PIQA), ("hellaswag", SWAG), ("cosmos_qa", COSMOS), ("mc_taco", TACO),
     ("wic", WIC), ("cola", {"sentence": "x"}), ("multirc", rows_of("multirc", "train", 1)[0]),
     ("anli_r2", rows_of("anli_r2", "train", 1)[0])],
)  # fmt: skip
def test_a_hidden_label_is_refused(name, row, sentinel):
    with pytest.raises(DataError, match="column 'label'"):
        TASKS[name].examples({**row, "label": sentinel})


def test_none_of_the_above_is_never_a_candidate_and_a_question_without_right_answer_is_dropped():
    assert len(examples("cosmos_qa", **COSMOS, label=0)) == 3
    assert {example.label for example in examples("cosmos_qa", **COSMOS, label=2)} == {0}
    rows = [{**COSMOS, "context": f"Day {n}.", "label": 2 if n < 30 else 0} for n in range(90)]
    kept = [item for items in chosen("cosmos_qa", rows).items.values() for item in items]
    assert 55 < len({item.example.group for item in kept}) <= 60
    assert not any("None of the above" in item.example.text[0] for item in kept)


@pytest.mark.parametrize("name", ["mc_taco", "multirc"])
def test_of_several_right_answers_as_many_stay_as_wrong_ones(name):
    passage = "sentence" if name == "mc_taco" else "paragraph"
    rows = [
        {passage: f"P {n // 6}.", "question": "What?", "answer": f"a {n}", "label": int(n % 6 < 4)}
        for n in range(360)
    ]
    for items in chosen(name, rows).items.values():
        by_question = {}
        for item in items:
            by_question.setdefault(item.example.question, []).append(item.label)
        assert all(sorted(labels) == [0, 0, 1, 1] for labels in by_question.values())


def test_raw_answers_of_mc_taco_are_read_too():
    assert [examples("mc_taco", **TACO, label=label)[0].label for label in ("yes", "no")] == [1, 0]


def test_the_more_pleasant_situation_comes_first_by_content_alone():
    rows = [{"baseline": f"Case {n}, I won.", "less_pleasant": f"Case {n}, I lost."} for n in range(400)]
    found = [examples("ethics_utilitarianism", **row)[0] for row in rows]
    assert 150 < sum(example.label for example in found) < 250
    assert all(
        (example.text[0].index("won") < example.text[0].index("lost")) == example.label for example in found
    )
    reversed_row = {"baseline": rows[0]["less_pleasant"], "less_pleasant": rows[0]["baseline"]}
    (mirrored,) = examples("ethics_utilitarianism", **reversed_row)
    assert (mirrored.text, mirrored.label) == (found[0].text, 1 - found[0].label)


def test_variations_of_one_claim_are_one_group():
    claim = "I usually walk my dog but today I didn't because"
    groups = {
        examples("ethics_justice", scenario=f"{claim} {why}", label=0)[0].group
        for why in ("it rained", "of you")
    }
    assert len(groups) == 1
    with pytest.raises(DataError, match="SEP"):
        examples("ethics_virtue", scenario="Jo ran. brave", label=1)


def test_neutral_joins_contradiction_in_anli_and_is_left_out_of_tweets():
    row = rows_of("anli_r2", "train", 1)[0]
    assert [examples("anli_r2", **{**row, "label": n})[0].label for n in range(3)] == [1, 0, 0]
    assert [[one.label for one in examples("twitter_sentiment", text="hm", label=n)] for n in range(3)] == [
        [0],
        [],
        [1],
    ]


def test_rows_that_the_authors_of_paws_could_not_label_give_nothing():
    assert examples("paws", **PAWS, label=-1) == []
    assert examples("paws", **PAWS, label=1)[0].label == 1


def test_pairs_of_paws_that_share_the_words_of_a_sentence_are_one_group():
    pairs = [("a b c .", "c b a ."), ("d e f .", "B a c ."), ("g h i .", "d e f ."), ("x y .", "y z .")]
    found = [examples("paws", sentence1=one, sentence2=two, label=0)[0] for one, two in pairs]
    names = linked_groups(map(item_of, found))
    first, second, third, other = (names[example.group] for example in found)
    assert first == second == third != other


def test_the_word_is_marked_where_it_stands():
    (example,) = examples("wic", **WIC, label=0)
    assert example.text[0] == "Word: run\nFirst: He *ran* home.\nSecond: A run of luck, a *run* of it."
    for start, end in ((3, 3), (3, 99), (-1, 4), (None, 4)):
        with pytest.raises(DataError, match=r"sentence1|start1"):
            examples("wic", **{**WIC, "start1": start, "end1": end}, label=0)


def test_the_marks_of_wikihow_are_removed_from_context_and_endings():
    row = {
        **SWAG,
        "ctx": "[header] How to bake [title] Mix  it. [step] Use",
        "endings": ["[substeps] flour."] * 4,
    }
    found = examples("hellaswag", **row, label="1")
    assert (found[0].context, found[0].text) == (("How to bake. Mix it. Use",), (" flour.",))


def test_an_answer_that_is_no_choice_is_refused():
    with pytest.raises(DataError, match="none of the choices"):
        examples("dream", **{**rows_of("dream", "train", 1)[0], "answer": "x"})
    with pytest.raises(DataError, match="column 'answerKey' has the label 'E'"):
        examples("openbookqa", **BOOK, answerKey="E")
    with pytest.raises(DataError, match="column 'choices' is"):
        examples("openbookqa", **{**BOOK, "choices": ["hot", "cold"]}, answerKey="A")


H, A = "\n\nHuman:", "\n\nAssistant:"


@pytest.mark.parametrize(
    ("first", "second", "context", "texts"),
    [
        (f"{H} a{A} b", f"{H} a{A} c", f"{H} a{A}", {" b", " c"}),
        (f"{H} a{A} b{H} d{A} e", f"{H} a{A} b{H} d{A} f", f"{H} a{A} b{H} d{A}", {" e", " f"}),
        (f"{H} a{A} b{H} d{A} e", f"{H} a{A} c", f"{H} a{A}", {f" b{H} d{A} e", " c"}),
    ],
)
def test_dialogues_part_at_the_last_turn_of_the_assistant_that_they_share(first, second, context, texts):
    (example,) = examples("hh_harmless", chosen=first, rejected=second)
    assert example.context == (context, context) and set(example.text) == texts
    assert example.group == "a"
    assert example.text[1 - example.label] in first.removeprefix(context[:-1])


def test_a_silent_answer_gives_nothing_and_equal_ones_are_dropped_and_counted():
    assert examples("hh_harmless", chosen=f"{H} a{A} b", rejected=f"{H} a{A} ") == []
    with pytest.raises(DataError, match="no turn of the assistant in common"):
        examples("hh_harmless", chosen="a", rejected="b")
    rows = [
        *rows_of("hh_helpful", "train"),
        *({"chosen": f"{H} {n}{A} b", "rejected": f"{H} {n}{A} b"} for n in range(7)),
    ]
    assert chosen("hh_helpful", rows).dropped["identical texts"] == 7


def test_of_the_comparisons_only_posts_of_train_and_valid2_are_used():
    (example,) = examples("summarize_comparisons", **POST)
    assert example.text[1 - example.label] == " Short 0."
    assert example.context[0].startswith("SUBREDDIT: r/advice\nTITLE: Help\nPOST: Long story 0.")
    assert len(examples("summarize_comparisons", **{**POST, "split": "valid2"})) == 1
    for row in ({**POST, "split": "valid1"}, {**POST, "info": {**POST["info"], "post": None}}):
        assert examples("summarize_comparisons", **row) == []


def test_answers_with_one_score_or_no_words_give_no_pair():
    row = rows_of("ultrafeedback", "train", 1)[0]
    assert len(examples("ultrafeedback", **row)) == 1
    assert examples("ultrafeedback", **{**row, "score_rejected": 8.0}) == []
    assert examples("ultrafeedback", **{**row, "rejected": [{"role": "assistant", "content": " "}]}) == []


def test_long_texts_stand_in_the_context_where_they_may_be_cut():
    for name in ("dream", "quail", "multirc", "quartz"):
        (example, *_) = next(examples_in(TASKS[name], Table(name, rows_of(name, "train", 1))))
        assert example.context[0].endswith("\n") and "\n" not in example.text[0]


def test_one_table_shows_what_is_kept_of_every_dataset():
    if not DATA.exists():
        pytest.skip("no real rows here")
    rows = {row.name: row for row in summary(["wic", "cola", "quail"], DATA)}
    assert set(rows) == {"wic", "cola"} and folder_of("quail", DATA) is None
    assert rows["wic"].rows == 5428 + 638 and rows["wic"].test == 638
    assert 0.45 <= rows["cola"].positive <= 0.55 and not rows["cola"].problem


def test_a_folder_that_cannot_be_split_says_why(tmp_path, capsys):
    (tmp_path / "cola").mkdir()
    for name in ("train", "validation"):
        (tmp_path / "cola" / f"{name}.jsonl").write_text('{"sentence": "x"}\n')
    (row,) = summary(["cola"], tmp_path)
    assert "train.jsonl, row 1: no column 'label'" in row.problem
    task_table(tmp_path)
    assert "cola" in capsys.readouterr().out
