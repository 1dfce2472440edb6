"""What a sweep file means: precedence, names, content, and the two sweeps that are shipped."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from w2s_ray.core.errors import ConfigError
from w2s_ray.core.identity import digest
from w2s_ray.core.specs import TrainSpec
from w2s_ray.execution.placement import Placement
from w2s_ray.sweep.config import load_sweep
from w2s_ray.sweep.schema import PlacementEntry, Recipe, SweepFile
from w2s_ray.sweep.work import Work

SWEEPS = Path(__file__).parents[2] / "sweeps"
SMALL = """
name: small
seeds: [0]
tasks: [review, sst2]
models: {xs: {source: tiny/xs}, l: {source: tiny/l}, gpt2: {}}
pairs: [{weak: xs, strong: l}]
methods: [naive]
"""


@pytest.fixture
def sweep_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Load a text as a sweep, with overrides."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def load(text: str = SMALL, *overrides: str):
        path = tmp_path / "sweep.yaml"
        path.write_text(text)
        return load_sweep(path, overrides)

    return load


def test_the_top_level_keys_are_frozen():
    assert list(SweepFile.model_fields) == [
        "name", "seeds", "tasks", "models", "pairs", "methods", "train", "search", "resources", "tracking",
        "store", "budget", "report",
    ]  # fmt: skip


def test_the_recipe_and_placement_of_the_file_are_those_of_the_code():
    for section, noun in ((Recipe, TrainSpec), (PlacementEntry, Placement)):
        defaults = {field.name: field.default for field in dataclasses.fields(noun)}
        written = {name: field.default for name, field in section.model_fields.items()}
        if "betas" in written:
            written["betas"] = tuple(written["betas"])
        assert written == defaults


def test_a_recipe_takes_each_field_from_the_strongest_layer(sweep_of):
    text = (
        SMALL.replace("{source: tiny/l}", "{source: tiny/l, lr: 2e-2}")
        + """
train:
  lr: 1e-2
  epochs: 3
  roles: {weak: {epochs: 4, lr: 3e-2}}
  models: {l: {batch: 8, lr: 4e-2}}
  tasks: {sst2: {batch: 16, betas: [0.9, 0.95]}}
"""
    )
    sweep = sweep_of(text)
    assert sweep.recipe("student", "xs", "review").lr == 1e-2
    assert sweep.recipe("weak", "xs", "review") == dataclasses.replace(
        sweep.recipe("student", "xs", "review"), epochs=4, lr=3e-2
    )
    assert sweep.recipe("weak", "l", "review").lr == 4e-2
    assert sweep.recipe("student", "l", "review").batch == 8
    assert sweep.recipe("student", "l", "sst2").batch == 16
    assert sweep.recipe("student", "l", "sst2").betas == (0.9, 0.95)
    assert sweep_of(text, "train.models={}").recipe("student", "l", "review").lr == 2e-2


def test_a_published_learning_rate_yields_to_the_file(sweep_of):
    assert sweep_of().recipe("weak", "gpt2", "sst2").lr == 5e-5
    assert sweep_of(SMALL, "train.lr=1").recipe("weak", "gpt2", "sst2").lr == 1.0


def test_the_ladder_computes_in_fp32_and_pretrained_models_in_bf16_unless_told(sweep_of):
    assert sweep_of().recipe("weak", "xs", "sst2").precision == "fp32"
    assert sweep_of().recipe("weak", "gpt2", "sst2").precision == "bf16"
    assert sweep_of(SMALL, "train.precision=fp32").recipe("weak", "gpt2", "sst2").precision == "fp32"


def test_cosmetics_of_the_file_change_no_identity(sweep_of):
    text = SMALL + "train: {lr: 0.00001, batch: 32}\n"
    other = (
        "# a comment\nmethods: [naive]\n"
        + SMALL.replace("methods: [naive]\n", "")
        + ("train:\n  batch: 32\n  lr: 1e-5\nresources: {workers: 2}\nstore: memory://x\n")
    )
    assert sweep_of(text).digest == sweep_of(other.replace("name: small", "name: other")).digest
    assert sweep_of(text).digest != sweep_of(text.replace("0.00001", "0.00002")).digest


def test_all_pairs_are_each_model_with_every_later_one(sweep_of):
    sweep = sweep_of(SMALL, "pairs=all")
    assert [(pair.weak, pair.strong) for pair in sweep.pairs] == [("xs", "l"), ("xs", "gpt2"), ("l", "gpt2")]


def test_a_pair_may_have_its_own_methods_and_lists_of_models(sweep_of):
    sweep = sweep_of(
        SMALL, "pairs=[{weak: [xs, gpt2], strong: l, methods: [{confidence: {alpha: [.1, .2]}}]}]"
    )
    assert [(arm.weak, arm.method.params["alpha"]) for arm in sweep.arms] == [
        ("xs", 0.1), ("xs", 0.2), ("gpt2", 0.1), ("gpt2", 0.2),
    ]  # fmt: skip


def test_a_model_may_supervise_itself_if_the_file_says_so(sweep_of):
    assert len(sweep_of(SMALL, "pairs=[{weak: l, strong: l, allow_same: true}]").arms) == 1


def test_a_search_has_spaces_and_no_arms(sweep_of):
    sweep = sweep_of(SMALL, "search.trials=7", "methods=[naive, {confidence: {alpha: {low: 0, high: 1}}}]")
    assert sweep.arms == () and sweep.search.trials == 7 and sweep.search.sampler == "tpe"
    assert [method.name for method in sweep.pairs[0].space.methods] == ["naive", "confidence"]


def test_local_rows_are_named_by_content_and_found_by_digest(sweep_of, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        for split in ("train", "validation"):
            row = json.dumps({"sentence": f"{split} fine", "label": 1})
            (tmp_path / folder / f"{split}.jsonl").write_text(row + "\n")
    one, two = (sweep_of(SMALL, f"tasks.sst2.path={tmp_path / folder}") for folder in ("a", "b"))
    assert one.digest == two.digest
    assert one.places == {one.tasks["sst2"].spec.source.digest: str(tmp_path / "a")}
    assert one.unpinned == ()


def test_a_relative_path_is_relative_to_the_current_directory(sweep_of, tmp_path, monkeypatch):
    (tmp_path / "rows.csv").write_text("sentence,label\nfine,1\n")
    monkeypatch.chdir(tmp_path)
    sweep = sweep_of(SMALL, "tasks.sst2.path=rows.csv")
    assert sweep.tasks["sst2"].place == str(tmp_path / "rows.csv")


def test_a_task_can_be_described_in_the_file_alone(sweep_of, tmp_path):
    (tmp_path / "rows.csv").write_text("sentence,label\nfine,a\nbad,b\n")
    path = f"path: {tmp_path / 'rows.csv'}"
    text = SMALL.replace(
        "[review, sst2]", '{mine: {task: {text: "{sentence}", label: label, labels: [a, b]}, half: 10, PATH}}'
    ).replace("PATH", path)
    spec = sweep_of(text).tasks["mine"].spec
    assert spec.definition["labels"] == ["a", "b"] and spec.half == 10
    assert sweep_of(text.replace("{mine:", "{yours:")).tasks["yours"].spec == spec


def test_two_aliases_may_share_a_task_with_other_sizes(sweep_of):
    sweep = sweep_of(
        SMALL.replace("[review, sst2]", "{few: {task: sst2, half: 10}, many: {task: sst2, half: 99}}")
    )
    assert [(entry.spec.name, entry.spec.half) for entry in sweep.tasks.values()] == [
        ("sst2", 10),
        ("sst2", 99),
    ]


def test_an_allowed_leak_bears_identity_and_its_place_in_the_list_does_not(sweep_of):
    plain, *allowed = (
        sweep_of(SMALL, f"tasks.review.allow_leaks={leaks}").tasks["review"].spec
        for leaks in ("[]", "[surface, groups]", "[groups, surface]", "groups")
    )
    assert plain == sweep_of().tasks["review"].spec and plain.allow_leaks == ()
    assert allowed[0] == allowed[1] and allowed[0].allow_leaks == ("groups", "surface")
    assert len({digest(plain), digest(allowed[0]), digest(allowed[2])}) == 3


def test_a_hub_source_without_a_revision_is_named_as_unpinned(sweep_of):
    sweep = sweep_of(SMALL, "models.gpt2.source=someone/somewhat")
    assert sweep.unpinned == ("models.gpt2",)
    pinned = sweep_of(SMALL, "models.gpt2.source=someone/somewhat", f"models.gpt2.revision={'a1' * 20}")
    assert pinned.unpinned == ()


def test_placement_has_exceptions_by_model_and_bears_no_identity(sweep_of):
    sweep = sweep_of(SMALL, "resources={gpus: .5, models: {l: {launcher: train, workers: 2, zero: 3}}}")
    assert sweep.resources.placement("xs").gpus == sweep.resources.placement("l").gpus == 0.5
    assert sweep.resources.placement("l").zero == 3 and sweep.resources.placement("xs").zero is None
    assert sweep.digest == sweep_of().digest


def test_the_quickstart_is_the_ladder_as_it_was_measured():
    sweep = load_sweep(SWEEPS / "quickstart.yaml")
    assert sweep.seeds == (0, 1, 2) and list(sweep.tasks) == ["review", "agree", "pref", "board"]
    assert {(arm.weak, arm.strong): 0 for arm in sweep.arms} == {
        ("xs", "m"): 0,
        ("xs", "l"): 0,
        ("xs", "l-scratch"): 0,
    }
    assert len(sweep.arms) == 7
    weak, student = sweep.recipe("weak", "xs", "review"), sweep.recipe("student", "l", "board")
    assert (weak.epochs, weak.lr, weak.head) == (4, 3e-3, "small")
    assert (student.epochs, student.lr, student.head) == (1, 7e-4, "words")
    ladder = {sweep.models[size].pretrain_seed for size in ("xs", "m", "l")}
    assert len(ladder) == 1 and sweep.models["l-scratch"].pretrain_seed is None
    assert sweep.unpinned == ()


def test_the_minilm_sweep_cuts_one_checkpoint_to_three_depths():
    sweep = load_sweep(SWEEPS / "minilm.yaml")
    layers = {alias: model.spec.config["num_hidden_layers"] for alias, model in sweep.models.items()}
    assert layers == {"minilm-1": 1, "minilm-2": 2, "minilm-6": 6}
    assert [(pair.weak, pair.strong) for pair in sweep.pairs] == [
        ("minilm-1", "minilm-2"), ("minilm-1", "minilm-6"), ("minilm-2", "minilm-6"),
    ]  # fmt: skip
    assert len({model.spec.label for model in sweep.models.values()}) == 3


@pytest.mark.parametrize("override", ["name=same", "models.xs={source: gpt2}", "models.xs={source: gpt3}"])
def test_validation_imports_nothing_heavy_and_takes_less_than_a_second_of_cpu(override):
    code = """
import sys, pathlib
from w2s_ray.core.errors import ConfigError
from w2s_ray.sweep.config import load_sweep
try:
    load_sweep(pathlib.Path(sys.argv[1]), sys.argv[2:])
except ConfigError as error:
    assert "did you mean 'gpt2'" in str(error)
heavy = "ray torch transformers datasets mlflow pandas numpy optuna pyarrow fsspec".split()
print(sorted(set(heavy) & set(sys.modules)))
"""
    before = os.times()
    done = subprocess.run(
        [sys.executable, "-c", code, str(SWEEPS / "quickstart.yaml")],
        capture_output=True,
        text=True,
        check=True,
    )
    after = os.times()
    assert done.stdout.strip() == "[]"
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    assert spent < 1.0


def test_a_line_of_pairs_may_span_some_tasks_only(sweep_of):
    text = """
name: some
seeds: [0, 1]
tasks: [review, board, chess_puzzles]
models: {xs: {source: tiny/xs}, l: {source: tiny/l}, gpt2: {}, gpt2-large: {}}
pairs:
  - {weak: xs, strong: l, tasks: [board, review]}
  - {weak: xs, strong: l, tasks: board, methods: [naive, log-entropy]}
  - {weak: gpt2, strong: gpt2-large, tasks: chess_puzzles, methods: [naive]}
methods: [naive, confidence]
"""
    sweep = sweep_of(text)
    assert [(arm.strong, arm.method.name, sweep.tasks_of(arm)) for arm in sweep.arms] == [
        ("l", "naive", ("review", "board")),
        ("l", "confidence", ("review", "board")),
        ("l", "log-entropy", ("board",)),
        ("gpt2-large", "naive", ("chess_puzzles",)),
    ]
    assert len(Work(sweep).cells) == 2 * (2 + 2 + 1 + 1)
    with pytest.raises(ConfigError, match="unknown task 'bord'; did you mean 'board'"):
        sweep_of(text.replace("tasks: board", "tasks: bord"))
    with pytest.raises(ConfigError, match=r"method 'confidence' fits tasks of kind .*this one is text"):
        sweep_of(text.replace("tasks: chess_puzzles, methods: [naive]", "tasks: chess_puzzles"))
