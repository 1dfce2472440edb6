"""The method space: parameters belong to their method, in grids and in searches."""

import math

import optuna
import pytest

from w2s_ray.core.errors import ConfigError
from w2s_ray.methods import method_spec
from w2s_ray.sweep.schema import SAMPLERS
from w2s_ray.sweep.space import Range, Space, method_space


def space(*entries, search=False):
    return Space(methods=tuple(method_space(name, params, search=search) for name, params in entries))


def test_a_grid_has_every_point_once_in_the_order_written():
    grid = space(("naive", {}), ("confidence", {"alpha": [0.5, 0.75], "warmup": [0.1, 0.2]})).grid()
    assert grid[0] == method_spec("naive", {})
    assert [(spec.params["alpha"], spec.params["warmup"]) for spec in grid[1:]] == [
        (0.5, 0.1), (0.5, 0.2), (0.75, 0.1), (0.75, 0.2),
    ]  # fmt: skip


def test_equal_points_of_two_entries_are_one():
    both = space(("confidence", {"alpha": [0.5, 0.75]}), ("confidence", {"alpha": 0.5}))
    assert len(both.grid()) == 2


def test_an_integer_means_the_equal_float():
    assert space(("confidence", {"alpha": 1})).grid() == space(("confidence", {"alpha": 1.0})).grid()


def test_the_size_is_known_without_enumerating():
    huge = space(
        ("confidence", {"alpha": [i / 1e5 for i in range(10**5)], "warmup": [i / 1e4 for i in range(10**4)]})
    )
    assert huge.size == 10**9


def test_a_continuous_range_has_no_size():
    assert space(("confidence", {"alpha": {"low": 0, "high": 1}}), search=True).size == math.inf
    assert Range(low=0.0, high=1.0, step=0.25).size == 5
    assert Range(low=1, high=4, integer=True).size == 4


@pytest.mark.parametrize(
    ("name", "params", "search", "message"),
    [
        ("confidense", {}, False, "did you mean 'confidence'"),
        ("naive", {"alpha": 0.5}, False, "unknown parameter 'alpha'"),
        ("confidence", {"alpa": 0.5}, False, "did you mean 'alpha'"),
        ("confidence", {"alpha": []}, False, "empty grid"),
        ("confidence", {"alpha": [0.5, 0.5]}, False, "listed twice"),
        ("confidence", {"alpha": 2}, False, "expected 0 … 1"),
        ("confidence", {"alpha": True}, False, "expected float"),
        ("confidence", {"alpha": "0.5"}, False, "expected float"),
        ("naive", {"labels": "soggy"}, False, "soft, hard"),
        ("confidence", {"alpha": {"low": 0, "high": 1}}, False, "needs a `search:` section"),
        ("confidence", {"alpha": {"low": 0}}, True, "both low and high"),
        ("confidence", {"alpha": {"low": 0.9, "high": 0.1}}, True, "not below"),
        ("confidence", {"alpha": {"low": 0, "high": 1, "log": True}}, True, "log"),
        ("confidence", {"alpha": {"low": 0.1, "high": 1, "stepp": 1}}, True, "did you mean 'step'"),
        ("confidence", {"alpha": {"low": 0, "high": 1, "step": 0}}, True, "step"),
        ("confidence", {"alpha": {"low": 0, "high": 1, "step": 0.3}}, True, "does not lead"),
        ("confidence", {"alpha": {"low": 0, "high": 3}}, True, "expected 0 … 1"),
        ("naive", {"labels": {"low": 0, "high": 1}}, True, "list the choices"),
    ],
)
def test_a_wrong_parameter_is_refused_with_what_is_expected(name, params, search, message):
    with pytest.raises(ConfigError, match=message):
        method_space(name, params, search=search)


def test_a_trial_chooses_the_method_and_then_only_its_own_parameters():
    searched = space(
        ("naive", {}), ("confidence", {"alpha": {"low": 0.1, "high": 0.9}, "warmup": [0.0, 0.2]}), search=True
    )
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    seen = set()
    for _ in range(20):
        trial = study.ask()
        spec = searched.suggest(trial)
        seen.add(spec.name)
        own = {"method"} | ({"confidence.alpha", "confidence.warmup"} if spec.name == "confidence" else set())
        assert set(trial.params) == own
    assert seen == {"naive", "confidence"}


def test_what_has_one_choice_is_not_asked_for():
    trial = optuna.create_study().ask()
    spec = space(
        ("confidence", {"alpha": [0.5], "warmup": {"low": 0, "high": 1, "step": 0.5}}), search=True
    ).suggest(trial)
    assert spec.params["alpha"] == 0.5
    assert set(trial.params) == {"confidence.warmup"}


def test_every_sampler_name_is_a_class_of_optuna():
    for name in SAMPLERS.values():
        assert issubclass(getattr(optuna.samplers, name), optuna.samplers.BaseSampler)
