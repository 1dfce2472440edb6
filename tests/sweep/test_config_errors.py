"""Bad and hostile input: every error has its place, its path and the next step."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from w2s_ray.core.errors import ConfigError
from w2s_ray.sweep.config import load_sweep

BASE = """\
name: small
seeds: [0, 1]
tasks: {review: {}, board: {}}
models: {xs: {source: tiny/xs}, m: {source: tiny/m}, l: {source: tiny/l}}
pairs: [{weak: xs, strong: [m, l]}]
methods: [naive, {confidence: {alpha: [0.5, 0.75]}}]
"""


@pytest.fixture
def errors_of(tmp_path: Path):
    """The lines of the ConfigError that a text and overrides raise, without the folder of the file."""

    def load(text: str, *overrides: str) -> list[str]:
        path = tmp_path / "s.yaml"
        path.write_text(text)
        with pytest.raises(ConfigError) as caught:
            load_sweep(path, overrides)
        assert caught.value.exit_code == 2
        return str(caught.value).replace(f"{path}:", "s.yaml:").splitlines()

    return load


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("name:", "nmae:", "s.yaml:1: nmae: unknown key 'nmae'; did you mean 'name'?"),
        ("seeds: [0, 1]", "seeds: [0, 0]", "s.yaml:2: seeds: 0 is listed twice"),
        ("seeds: [0, 1]", "seeds: []", "s.yaml:2: seeds: expected at least one entry"),
        ("seeds: [0, 1]", "seeds: [true]", "s.yaml:2: seeds.0: expected an integer; found True"),
        ("seeds: [0, 1]", "seeds: [-1]", "s.yaml:2: seeds.0: should be greater than or equal to 0"),
        ("review: {}", "reviw: {}", "s.yaml:3: tasks.reviw: unknown task 'reviw'; did you mean 'review'?"),
        ("review: {}", "review: {half: 1.5}", "s.yaml:3: tasks.review.half: expected an integer"),
        ("review: {}", "review: {role: held}", "s.yaml:3: tasks.review.role: should be 'dev' or 'held-out'"),
        ("review: {}", "sst2: {path: /nowhere}", "s.yaml:3: tasks.sst2: no file or folder '/nowhere'"),
        ("review: {}", "sst2: {config: a}", "s.yaml:3: tasks.sst2: `config` belongs to a `source`"),
        ("review: {}", "review: {revision: main}", "tasks.review.revision: a revision is a commit"),
        ("review: {}", "review: {source: imdb}", "tasks.review.source: expected a dataset of the hub"),
        ("review: {}", "review: {allow_leaks: [surfaces]}",
         "s.yaml:3: tasks.review.allow_leaks.0: unknown check 'surfaces'; did you mean 'surface'?"),
        ("review: {}", "mine: {task: {}}", "s.yaml:3: tasks.mine: a described task needs its rows"),
        ("xs: {source: tiny/xs}", "xs: {source: tiny/xxs}", "models.xs: unknown size of tiny 'xxs'"),
        ("xs: {source: tiny/xs}", "xs: {}", "models.xs: unknown model 'xs'; did you mean 'source: tiny/xs'?"),
        ("xs: {source: tiny/xs}", "xs: {source: gtp2}", "unknown model 'gtp2'; did you mean 'gpt2'?"),
        ("xs: {source: tiny/xs}", "xs: {sorce: x}", "unknown key 'sorce'; did you mean 'source'?"),
        ("strong: [m, l]", "strong: [mm]", "s.yaml:5: pairs.0.strong: unknown model 'mm'; did you mean 'm'?"),
        ("strong: [m, l]", "strong: xs", "s.yaml:5: pairs.0: xs → xs: weak and strong are the same model"),
        ("strong: [m, l]", "strong: []", "s.yaml:5: pairs.0.strong: expected at least one entry"),
        ("[{weak: xs, strong: [m, l]}]", "every", "s.yaml:5: pairs: expected `all`, or a list"),
        ("alpha: [0.5, 0.75]", "alpha: []", "methods.1.confidence.alpha: alpha = []: an empty grid"),
        ("alpha: [0.5, 0.75]", "alpa: 1", "confidence.alpa: method 'confidence': unknown parameter"),
        ("alpha: [0.5, 0.75]", "alpha: {low: 0, high: 1}", "confidence.alpha: alpha: a range needs"),
        ("[naive,", "[{naive: {alpha: 0.5}},", "methods.0.naive.alpha: method 'naive': unknown parameter"),
        ("[naive,", "[nave,", "s.yaml:6: methods.0: unknown method 'nave'; did you mean 'naive'?"),
        ("[naive,", "[[naive],", "s.yaml:6: methods.0: expected a method's name or"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_named_with_its_line_path_and_nearest_name(errors_of, old, new, expected):
    assert old in BASE
    assert any(expected in line for line in errors_of(BASE.replace(old, new, 1)))


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ("train: {batch: 0}", "s.yaml:7: train.batch: should be greater than 0; found 0"),
        ("train: {lr: -1e-3}", "train.lr: should be greater than 0; found -0.001"),
        ("train: {lr: '1e-3'}", "train.lr: expected a number; found '1e-3'"),
        ("train: {lr: no}", "train.lr: expected a number; found 'no'"),
        ("train: {epochs: 1.0}", "train.epochs: expected an integer; found 1.0"),
        ("train: {drop_last: 1}", "train.drop_last: expected true or false; found 1"),
        ("train: {precision: bf17}", "train.precision: should be 'fp32' or 'bf16'"),
        ("train: {epoch: 1}", "train.epoch: unknown key 'epoch'; did you mean 'epochs'?"),
        ("train: {roles: {strong: {}}}", "train.roles.strong: unknown key 'strong'"),
        ("train: {models: {ll: {lr: 1}}}", "train.models.ll: unknown model 'll'; did you mean 'l'?"),
        (
            "train: {tasks: {boards: {lr: 1}}}",
            "train.tasks.boards: unknown task 'boards'; did you mean 'board'?",
        ),
        ("train: 3", "train: expected a mapping; found 3"),
        ("search: {sampler: tpee}", "search.sampler: unknown sampler 'tpee'; did you mean 'tpe'?"),
        ("search: {trials: 1000000000}", "cells (arms × tasks × seeds); at most 100,000"),
        ("resources: {workers: 3}", "resources.workers: a batch of 32 is not divisible by 3 workers"),
        ("resources: {launcher: here, workers: 2}", "launcher: here has one worker; several need `train`"),
        ("resources: {launcher: actor, zero: 1}", "launcher: actor runs plain torch"),
        ("resources: {offload: true}", "offload needs zero"),
        ("resources: {zero: 4}", "resources.zero: should be less than or equal to 3"),
        ("resources: {models: {z: {}}}", "resources.models.z: unknown model 'z'"),
        ("budget: {dollars: 3}", "budget.dollars: needs dollars_per_gpu_hour"),
        ("report: {level: 95}", "report.level: should be less than 1; found 95"),
    ],
)
def test_a_wrong_section_is_refused(errors_of, section, expected):
    assert any(expected in line for line in errors_of(BASE + section + "\n"))


def test_all_errors_are_shown_at_once_in_the_order_of_the_file(errors_of):
    text = BASE.replace("[0, 1]", "[x]").replace("name: small", "name: 3") + "train: {batch: -1}\n"
    assert [line.split(": ")[1] for line in errors_of(text)] == ["name", "seeds.0", "train.batch"]


def test_a_thousand_errors_are_cut_short(errors_of):
    lines = errors_of(BASE.replace("seeds: [0, 1]", f"seeds: [{'x, ' * 1000}x]"))
    assert len(lines) == 51 and lines[-1] == "… and 951 more errors"


@pytest.mark.parametrize("key", ["name", "seeds", "tasks", "models", "pairs", "methods"])
def test_what_a_sweep_cannot_do_without_is_required(errors_of, key):
    text = "\n".join(line for line in BASE.splitlines() if not line.startswith(key))
    assert any(f"{key}: is required" in line for line in errors_of(text))


@pytest.mark.parametrize(
    "name",
    ["../../x", "/abs", "$(touch x)", "<script>", "a b", "", ".", "-x", "x" * 300, "a\\0", "é", "a\\n"],
)
def test_a_name_that_could_leave_its_folder_or_reach_a_shell_is_refused(errors_of, name):
    assert any("a name has 1 to 64 letters" in line for line in errors_of(BASE.replace("small", f'"{name}"')))
    assert any(
        "a name has 1 to 64" in line for line in errors_of(BASE.replace("review: {}", f'"{name}": {{}}'))
    )


def test_terminal_escapes_in_a_key_are_not_printed(errors_of):
    assert all(line.isprintable() for line in errors_of(BASE + '"\\e[31mred": 1\n'))


def test_the_default_store_is_not_a_sweeps_folder(errors_of):
    assert "name: 'store'" in errors_of(BASE.replace("small", "store"))[0]


def test_a_billion_points_are_counted_and_not_expanded(errors_of):
    values = ", ".join(str(i / 4000) for i in range(4000))
    grid = f"{{confidence: {{alpha: [{values}], warmup: [{values}]}}}}"
    (line,) = errors_of(BASE.replace("{confidence: {alpha: [0.5, 0.75]}}", grid))
    assert "128,000,008 cells" in line


def test_a_method_that_does_not_fit_a_task_is_named(errors_of, monkeypatch):
    from w2s_ray.methods import METHODS

    monkeypatch.setattr(METHODS["confidence"], "kinds", frozenset({"binary"}))
    (line,) = errors_of(BASE)
    assert "tasks.board: method 'confidence' fits tasks of kind binary; this one is kclass" in line


def test_a_search_asks_for_what_it_needs(errors_of):
    held = BASE.replace("review: {}, board: {}", "review: {role: held-out}") + "search: {}\n"
    assert any("role: dev" in line for line in errors_of(held))
    twice = BASE.replace("[naive,", "[naive, naive,") + "search: {}\n"
    assert any("'naive' is listed twice" in line for line in errors_of(twice))
    own = BASE.replace(
        "[{weak: xs, strong: [m, l]}]", "[{weak: xs, strong: m}, {weak: xs, strong: l, methods: [naive]}]"
    )
    assert any("same methods for every pair" in line for line in errors_of(own + "search: {study: all}\n"))
    again = BASE.replace(
        "[{weak: xs, strong: [m, l]}]", "[{weak: xs, strong: m}, {weak: xs, strong: [m, l]}]"
    )
    assert any("pair xs → m is listed twice" in line for line in errors_of(again + "search: {}\n"))


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("train.batch=0", "--set train.batch=0: train.batch: should be greater than 0; found 0"),
        ("train={batch: 0}", "--set train={batch: 0}: train.batch: should be greater than 0"),
        (
            "models.xs.source=tiny/xxs",
            "s.yaml:4 with --set models.xs.source=tiny/xxs: models.xs: unknown size",
        ),
        ("trian.batch=1", "--set trian.batch=1: trian: unknown key 'trian'; did you mean 'train'?"),
        ("seeds.7=1", "--set seeds.7=1: seeds is a list of 2; 7 is no index"),
        ("methods.0.alpha=1", "--set methods.0.alpha=1: methods.0 is 'naive', which has no 'alpha'"),
        ("train.batch", "--set train.batch: expected dotted.key=value"),
        ("=1", "--set =1: expected dotted.key=value"),
        ("name=[a", "--set name=[a: not YAML"),
        ("name=!!python/name:os.system", "refused"),
    ],
)
def test_an_error_of_an_override_names_the_override(errors_of, override, expected):
    assert any(expected in line for line in errors_of(BASE, override))


def test_a_password_in_a_url_is_not_repeated(errors_of):
    lines = errors_of(BASE, "tracking.urii=https://me:hunter2@host/x")
    assert "hunter2" not in "\n".join(lines)


SECTIONS = ["name", "seeds", "tasks", "models", "pairs", "methods", "train", "search", "store"]
KEYS = st.sampled_from([*SECTIONS, "0", "1", "xs", "weak", "confidence", "alpha", "lr", "a"])
VALUES = st.one_of(
    st.sampled_from(["null", "{}", "[]", "[[1]]", "{a: 1}", "true", "-1", "1e3", "all", "{low: 0, high: 1}"]),
    st.text(),
)


@given(st.lists(st.tuples(st.lists(KEYS, min_size=1, max_size=4), VALUES), max_size=3))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_override_ends_in_anything_but_a_sweep_or_a_config_error(tmp_path, overrides):
    path = tmp_path / "s.yaml"
    path.write_text(BASE)
    try:
        sweep = load_sweep(path, [f"{'.'.join(keys)}={value}" for keys, value in overrides])
    except ConfigError as error:
        assert str(error)
    else:
        assert len(sweep.digest) == 64
