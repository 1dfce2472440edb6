"""Pretraining on files: packing, the same bytes from the same seed, and what is left for a finetune."""

import json
import math
from itertools import islice

import pytest
import torch

from w2s_ray.core.graph import pretrain_stage
from w2s_ray.core.specs import CorpusSpec
from w2s_ray.models.build import build
from w2s_ray.models.head import HeadPlan
from w2s_ray.models.resolve import ModelEntry, resolve_model
from w2s_ray.models.tiny import CORPUS_CONTEXT, CORPUS_ROWS, build_byte_tokenizer
from w2s_ray.stages import pretrain
from w2s_ray.stages.corpus import bits_per_byte, packed_rows, passes, read_corpus
from w2s_ray.stages.job import Job
from w2s_ray.tasks.corpus import texts_spec
from w2s_ray.training.worker import Worker

STEPS = 6


@pytest.fixture
def files(tmp_path):
    """A file of short texts and a folder with long ones: their specifications and their places."""
    (tmp_path / "short.jsonl").write_text("\n".join(json.dumps({"a": f"né {n}"}) for n in range(30)))
    (tmp_path / "long").mkdir()
    (tmp_path / "long" / "train.csv").write_text("text\n" + "\n".join("to and fro " * 40 for _ in range(3)))
    short, long = str(tmp_path / "short.jsonl"), str(tmp_path / "long")
    texts = (texts_spec(short, text="{a}!"), texts_spec(long, text="{text}"))
    return CorpusSpec(texts=texts, steps=STEPS), {
        texts[0].source.digest: short,
        texts[1].source.digest: long,
    }


def model_of(corpus, **entry):
    return resolve_model("m", ModelEntry(source="tiny/xs", corpus=corpus, **entry)).spec


def run(files, out, seed=0):
    corpus, places = files
    out.mkdir()
    torch.set_num_threads(1)
    stage = pretrain_stage(model_of(corpus), seed)
    return pretrain.run(Job(stage=stage, inputs={}, out=out, places=places), Worker())


def test_two_files_make_a_model_that_loads_with_its_bytes(files, tmp_path):
    outcome = run(files, tmp_path / "one")
    metrics = json.loads((tmp_path / "one" / "metrics.json").read_text())
    assert metrics == dict(outcome.metrics) and metrics["steps"] == STEPS and not outcome.facts["faults"]
    assert 0 < metrics["bits_per_byte/held_out"] < 10
    assert not any(name.startswith("zero_shot") for name in metrics)
    built = build(
        model_of(files[0]),
        tmp_path / "one" / "model",
        HeadPlan(num_classes=2, label_words=("é", "b")),
        seed=0,
    )
    assert built.max_tokens == CORPUS_CONTEXT and built.tokenizer("é")["input_ids"] == [0xC3 + 2, 0xA9 + 2]


def test_the_same_seed_gives_the_same_weights_and_another_one_others(files, tmp_path):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        run(files, tmp_path / name, seed)
    a, b, c = ((tmp_path / name / "model" / "model.safetensors").read_bytes() for name in "abc")
    assert a == b != c


def test_the_texts_of_all_files_are_mixed_and_read_again_where_they_run_out(files):
    tokenizer = build_byte_tokenizer()
    corpus = read_corpus(*files, tokenizer, seed=0)
    assert corpus.batches_SRT.shape == (STEPS, CORPUS_ROWS, CORPUS_CONTEXT)
    text = tokenizer.decode(corpus.batches_SRT.flatten().tolist(), skip_special_tokens=True)
    assert "to and fro" in text and text.count("né 3!") > 1 and "né 29!" not in text
    held_out = tokenizer.decode(corpus.held_out_RT.flatten().tolist(), skip_special_tokens=True)
    assert "né 29!" in held_out and "né 3!" not in held_out


def test_every_pass_has_all_texts_in_an_order_of_its_own():
    texts = [str(n) for n in range(20)]
    first, second = ([*islice(passes(texts, 7), start, start + 20)] for start in (0, 20))
    assert sorted(first) == sorted(second) == sorted(texts) and first != second
    assert first == [*islice(passes(texts, 7), 20)] != [*islice(passes(texts, 8), 20)]


def test_rows_hold_whole_documents_and_only_what_is_longer_than_a_row_is_cut():
    documents = [[1, 1], [2, 2], [3], [4] * 7, [5]]
    assert [*packed_rows(documents, 3, 0)] == [[1, 1, 0], [2, 2, 3], [4, 4, 4], [4, 4, 4], [4, 5, 0]]
    assert [*packed_rows([], 3, 0)] == []


def test_bits_per_byte_of_a_model_that_knows_nothing_are_those_of_its_vocabulary():
    def uniform(input_ids):
        return type("Output", (), {"logits": torch.zeros(*input_ids.shape, 258)})

    rows = torch.tensor([[5, 6, 1, 0], [7, 1, 0, 0]])
    assert bits_per_byte(uniform, rows, pad_id=0) == pytest.approx(math.log2(258))


def test_keys_differ_by_what_is_read_and_not_by_where_it_lies(files, tmp_path):
    corpus, _ = files
    key = pretrain_stage(model_of(corpus), 0).key
    assert key.startswith("pretrain/tiny-xs-corpus-s0-")
    (tmp_path / "moved.jsonl").write_bytes((tmp_path / "short.jsonl").read_bytes())
    moved = texts_spec(str(tmp_path / "moved.jsonl"), text="{a}!")
    assert pretrain_stage(model_of(CorpusSpec(texts=(moved, corpus.texts[1]), steps=STEPS)), 0).key == key
    with (tmp_path / "moved.jsonl").open("a") as file:
        file.write('\n{"a": "more"}')
    longer = texts_spec(str(tmp_path / "moved.jsonl"), text="{a}!")
    for other in (
        CorpusSpec(texts=(longer, corpus.texts[1]), steps=STEPS),
        CorpusSpec(texts=corpus.texts, steps=7),
    ):
        assert pretrain_stage(model_of(other), 0).key != key


def test_a_control_has_the_same_tokens_and_knows_nothing_of_the_files(files):
    control = model_of(files[0], pretrained=False)
    assert control.corpus == CorpusSpec() and control.label == "tiny-xs-corpus-scratch"
    built = build(control, None, HeadPlan(num_classes=2, label_words=("0", "1"), init="small"), seed=0)
    assert built.tokenizer.decode(built.tokenizer("Qxc1+ ü")["input_ids"]) == "Qxc1+ ü"
    assert built.max_tokens == CORPUS_CONTEXT
