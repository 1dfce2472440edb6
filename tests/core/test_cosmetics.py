"""How a sweep is written down re-runs nothing; what it says does."""

from __future__ import annotations

import pytest

from w2s_ray.sweep.config import load_sweep
from w2s_ray.sweep.work import Work

PLAIN = """\
name: one
seeds: [0]
tasks: {review: {half: 64, validation: 40, test: 60}}
models:
  xs: {source: tiny/xs, pretrained: false, lr: 1e-5}
  s: {source: tiny/s, pretrained: false, lr: 1e-5}
pairs: [{weak: xs, strong: s}]
methods: [naive, {confidence: {alpha: [0.5], warmup: 0.2}}]
train: {epochs: 1, head: small}
"""
TURNED = """\
# another name, order, style, number format and aliases
train:
  head: "small"
  epochs: 1
methods:
  - confidence: {warmup: 2.0e-1, alpha: [.5]}
  - naive
pairs: [{strong: big, weak: little}]
models:
  big: {lr: 0.00001, pretrained: false, source: tiny/s}
  little: {lr: 1.0e-05, source: "tiny/xs", pretrained: false}
tasks:
  review: {test: 60, validation: 40, half: 64}
seeds: [0]
name: two
"""


@pytest.fixture
def keys(tmp_path):
    def keys(text):
        (tmp_path / "sweep.yaml").write_text(f"{text}\nstore: memory://cosmetics\n")
        return {stage.key for stage in Work(load_sweep(tmp_path / "sweep.yaml", [])).stages()}

    return keys


def test_order_comments_aliases_and_number_formats_change_no_key(keys):
    assert keys(PLAIN) == keys(TURNED)


@pytest.mark.parametrize(
    ("before", "after"),
    [("lr: 1e-5", "lr: 2e-5"), ("half: 64", "half: 48"), ("epochs: 1", "epochs: 2"), ("[0]", "[1]")],
)
def test_a_cause_of_the_numbers_changes_keys(keys, before, after):
    assert before in PLAIN
    assert keys(PLAIN) != keys(PLAIN.replace(before, after))
