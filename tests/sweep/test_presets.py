"""Presets: variants that a sweep file brings with it."""

import pytest

from w2s_ray.core.errors import ConfigError
from w2s_ray.sweep.config import load_sweep

FILE = """
name: study
seeds: [0, 1]
tasks: {sst2: {}}
models: {gpt2: {}, gpt2-large: {}}
pairs: all
methods: [naive, confidence]
train: {epochs: 3}
presets:
  offline:
    tasks: [review, agree]
    models:
      xs: {source: tiny/xs}
      l: {source: tiny/l}
  broken:
    models:
      xs: {source: tiny/xxs}
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text(FILE)
    return path


def test_a_preset_takes_the_place_of_whole_sections_and_leaves_the_others(file):
    plain, offline = load_sweep(file), load_sweep(file, ["preset=offline"])
    assert list(plain.models) == ["gpt2", "gpt2-large"] and list(offline.models) == ["xs", "l"]
    assert list(offline.tasks) == ["review", "agree"] and offline.recipe("weak", "xs", "agree").epochs == 3
    assert len(offline.arms) == 2


def test_other_overrides_come_after_the_preset_wherever_they_stand(file):
    for order in (
        ["seeds=[7]", "models.l.lr=1e-2", "preset=offline"],
        ["preset=offline", "seeds=[7]", "models.l.lr=1e-2"],
    ):
        sweep = load_sweep(file, order)
        assert sweep.seeds == (7,) and sweep.models["l"].lr == 1e-2


def test_a_file_may_choose_its_own_preset_and_the_command_line_another(file):
    file.write_text(f"{FILE}\npreset: broken\n")
    assert list(load_sweep(file, ["preset=offline"]).models) == ["xs", "l"]
    with pytest.raises(ConfigError, match="xxs"):
        load_sweep(file)


def test_an_error_in_a_preset_is_told_by_its_line(file):
    line = FILE.splitlines().index("      xs: {source: tiny/xxs}") + 1
    with pytest.raises(ConfigError, match=f"study.yaml:{line}: models.xs: unknown size of tiny 'xxs'"):
        load_sweep(file, ["preset=broken"])


def test_an_unknown_preset_is_refused_with_the_nearest_name(file):
    with pytest.raises(ConfigError, match="unknown preset 'ofline'; did you mean 'offline'"):
        load_sweep(file, ["preset=ofline"])
