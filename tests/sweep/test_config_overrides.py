"""`--set dotted.key=value` changes one value, wherever it stands."""

from pathlib import Path

import pytest

from w2s_ray.sweep.document import Document

TEXT = """\
name: small
tasks: [review, board]
models: {qwen2.5-0.5b: {lr: 1}, minilm-1: {source: a/b}}
methods: [naive, {confidence: {alpha: [0.5, 0.75]}}]
train:
"""


@pytest.fixture
def document(tmp_path: Path):
    path = tmp_path / "s.yaml"
    path.write_text(TEXT)
    return lambda *overrides: Document(path, overrides).data


@pytest.mark.parametrize(
    ("override", "path", "value"),
    [
        ("name=other", ["name"], "other"),
        ("models.minilm-1.source=/x/y z", ["models", "minilm-1", "source"], "/x/y z"),
        ("models.qwen2.5-0.5b.lr=1e-5", ["models", "qwen2.5-0.5b", "lr"], 1e-5),
        ("models.new.source=tiny/xs", ["models", "new", "source"], "tiny/xs"),
        ("methods.1.confidence.alpha=[0.1]", ["methods", 1, "confidence", "alpha"], [0.1]),
        ("methods.1.confidence.alpha.0=0.3", ["methods", 1, "confidence", "alpha", 0], 0.3),
        ("train.roles.weak.epochs=4", ["train", "roles", "weak", "epochs"], 4),
        ("search={trials: 3, sampler: gp}", ["search"], {"trials": 3, "sampler": "gp"}),
        ("tracking.uri=http://127.0.0.1:5000/a=b", ["tracking", "uri"], "http://127.0.0.1:5000/a=b"),
        ("tasks.review.path=../rows", ["tasks", "review", "path"], "../rows"),
        ("tasks=[sst2]", ["tasks"], {"sst2": {}}),
        ("store=", ["store"], None),
    ],
)
def test_a_dotted_path_leads_to_its_value(document, override, path, value):
    found = document(override)
    for key in path:
        found = found[key]
    assert found == value


def test_later_overrides_win(document):
    assert document("train.lr=1", "train.lr=2")["train"]["lr"] == 2
    assert document("train.lr=1", "train={batch: 3}")["train"] == {"batch": 3}
