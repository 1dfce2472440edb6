"""A model's corpus in a sweep file: where its files are, what names it, and mistakes told by line."""

import json
import subprocess
import sys

import pytest

from w2s_ray.core.errors import ConfigError
from w2s_ray.models.tiny import CORPUS_STEPS
from w2s_ray.sweep.config import load_sweep
from w2s_ray.sweep.plan import make_plan
from w2s_ray.sweep.work import Work

PUZZLE = {"PuzzleId": "a", "FEN": "6k1/5ppp/8/8/8/7q/8/R5K1 b - - 4 30", "Moves": "h3d3 a1a8"}
SWEEP = """\
name: small
seeds: [0]
tasks: {{chess_puzzles: {{path: {rows}}}}}
models:
  xs: {{source: tiny/xs, corpus: [{{path: {rows}, text: "{{FEN}}"}}], pretrain_steps: 5}}
  s: {{source: tiny/s, corpus: [{{task: chess_puzzles}}, {{path: {rows}, text: "{{FEN}}"}}], pretrain_seed: 2}}
  scratch: {{source: tiny/s, corpus: [{{task: chess_puzzles}}], pretrained: false}}
pairs: [{{weak: xs, strong: [s, scratch]}}]
methods: [naive]
"""


@pytest.fixture
def rows(tmp_path):
    folder = tmp_path / "rows"
    folder.mkdir()
    for split in ("train", "test"):
        (folder / f"{split}.jsonl").write_text(json.dumps(PUZZLE))
    return folder


def load(folder, *overrides, text=SWEEP):
    file = folder.parent / "sweep.yaml"
    file.write_text(text.format(rows=folder))
    return load_sweep(file, overrides)


def test_a_corpus_takes_its_files_from_a_path_or_from_the_sweeps_task_of_its_name(rows):
    sweep = load(rows)
    xs, s = (sweep.models[name].spec.corpus for name in ("xs", "s"))
    assert (xs.steps, s.steps) == (5, CORPUS_STEPS)
    assert (xs.texts[0].text, s.texts[0].task, s.texts[0].version) == ("{FEN}", "chess_puzzles", 1)
    assert xs.texts[0].source == s.texts[0].source == sweep.tasks["chess_puzzles"].spec.source
    assert sweep.places == {xs.texts[0].source.digest: str(rows)}
    assert sweep.models["s"].spec.context == 256


def test_a_control_without_pretraining_does_not_depend_on_the_files(rows):
    before = load(rows).models["scratch"]
    (rows / "train.jsonl").write_text(f"{json.dumps(PUZZLE)}\n{json.dumps(PUZZLE)}")
    after = load(rows).models["scratch"]
    assert before.spec == after.spec and after.pretrain_seed is None


def test_a_rung_is_pretrained_once_for_all_that_start_from_it(rows):
    counts = make_plan(Work(load(rows, "store=memory://corpora"))).counts()
    assert (counts["pretrain"]["unique"], counts["finetune"]["unique"]) == (2, 5)


def test_a_moved_folder_is_the_same_sweep_and_other_steps_are_another(rows):
    keys = {stage.key for stage in Work(load(rows)).stages()}
    moved = rows.rename(rows.parent / "moved")
    assert {stage.key for stage in Work(load(moved)).stages()} == keys
    assert {stage.key for stage in Work(load(moved, "models.xs.pretrain_steps=6")).stages()} != keys


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("models.xs.corpus.0.path=/nowhere", "models.xs: no file or folder '/nowhere'"),
        ("models.xs.corpus.0.text='{fen}'", "train.jsonl, row 1: no column 'fen'; there are PuzzleId, FEN, Moves"),
        ("models.xs.corpus.0.task=chess_puzzles", "models.xs: expected either `text`"),
        ("models.xs.corpus.0.txt=x", "models.xs.corpus.0.txt: unknown key 'txt'; did you mean 'text'?"),
        ("models.xs.corpus=[]", "models.xs.corpus: expected at least one entry"),
        ("models.xs.corpus=[{text: '{a}'}]", "models.xs: corpus: needs a `path`, of local files"),
        ("models.xs.pretrain_steps=0", "models.xs.pretrain_steps: should be greater than 0"),
        ("models.xs.source=gpt2", "models.xs: corpus belongs to the models of the offline ladder"),
        ("models.xs={source: tiny/xs, pretrain_steps: 5}", "models.xs: pretrain_steps belongs to a model with"),
        ("models.xs.context=257", "models.xs: context = 257: the model has 256 positions"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_corpus_is_told_before_anything_starts(rows, override, message):
    with pytest.raises(ConfigError) as refused:
        load(rows, override)
    assert message in str(refused.value) and "\n" not in str(refused.value)


def test_a_corpus_of_json_lines_is_planned_without_a_heavy_import(rows):
    file = rows.parent / "sweep.yaml"
    file.write_text(SWEEP.format(rows=rows))
    heavy = ["torch", "transformers", "datasets", "pyarrow", "tokenizers"]
    code = (
        "import sys; from pathlib import Path; from w2s_ray.sweep.config import load_sweep;"
        f"load_sweep(Path({str(file)!r})); print([m for m in {heavy} if m in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
