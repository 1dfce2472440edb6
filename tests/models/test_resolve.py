"""From names, hub ids and folders to model specs; content names a folder, and nothing of it is run."""

import json
import struct
from dataclasses import replace
from pathlib import Path

import pytest

from w2s_ray.core.errors import ConfigError
from w2s_ray.core.specs import Source
from w2s_ray.models.local import count_parameters, source_of_model
from w2s_ray.models.resolve import ModelEntry, num_parameters, resolve_model

TENSORS = {
    "embeddings.weight": [10, 4],
    "encoder.layer.0.weight": [4, 4],
    "encoder.layer.1.weight": [4, 4],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model folder with a config, a tokenizer and three tensors of zeros."""
    return write_model(tmp_path / "model")


def write_model(folder: Path, **config: object) -> Path:
    folder.mkdir()
    config = {"model_type": "bert", "max_position_embeddings": 512, "num_hidden_layers": 2, **config}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer.json").write_text("{}")
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, shape in TENSORS.items():
        size = 4 * shape[0] * shape[1]
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    encoded = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(encoded)) + encoded + bytes(offset))
    return folder


def test_a_rung_of_the_ladder_is_made_by_code():
    model = resolve_model("weak", ModelEntry(source="tiny/xs"))
    assert model.spec.source == Source(kind="world", name="tiny-xs", version=1)
    assert (model.spec.family, model.spec.context, model.pretrain_seed) == ("tiny", 128, 0)


def test_a_control_that_is_not_pretrained_has_no_pretraining():
    model = resolve_model("l", ModelEntry(source="tiny/l", pretrained=False, pretrain_seed=3))
    assert model.pretrain_seed is None and not model.spec.pretrained


def test_a_known_model_is_pinned_and_brings_its_learning_rate():
    model = resolve_model("gpt2", ModelEntry())
    assert model.spec.source.pinned and model.spec.context == 1024
    assert model.known_lr == 5e-5 and model.lr is None
    assert resolve_model("mine", ModelEntry(source="openai-community/gpt2")).spec == model.spec


def test_another_revision_is_another_model():
    pinned = resolve_model("gpt2", ModelEntry(revision="a" * 40))
    assert pinned.spec.source.revision == "a" * 40


def test_an_unknown_hub_id_is_accepted_and_unpinned():
    model = resolve_model("m", ModelEntry(source="someone/somewhat", config={"num_hidden_layers": 2}))
    assert model.spec.family == "auto" and not model.spec.source.pinned
    assert num_parameters(model.spec) is None


def test_a_folder_is_named_by_its_content_wherever_it_lies(folder, tmp_path):
    other = write_model(tmp_path / "elsewhere")
    one, two = (resolve_model("m", ModelEntry(source=str(place))) for place in (folder, other))
    assert one.spec == two.spec and one.place == str(folder)
    assert (one.spec.source.kind, one.spec.family, one.spec.context) == ("files", "auto", 512)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_changed_byte_is_another_model(folder, tmp_path, name):
    other = write_model(tmp_path / "changed")
    with (other / name).open("ab") as file:
        file.write(b" ")
    assert source_of_model(str(folder)) != source_of_model(str(other))


def test_a_file_that_no_one_reads_changes_nothing(folder, tmp_path):
    other = write_model(tmp_path / "other")
    (other / "README.md").write_text("hello")
    (other / "pytorch_model.bin").write_bytes(b"pickle")
    assert source_of_model(str(folder)) == source_of_model(str(other))


def test_a_relative_folder_is_one_of_the_current_directory(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    assert resolve_model("m", ModelEntry(source="model")).place == str(folder)
    assert resolve_model("m", ModelEntry(source="./model")).place == str(folder)


def test_a_folder_does_not_take_the_name_of_a_known_model(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    folder.rename(folder.parent / "gpt2")
    assert resolve_model("m", ModelEntry(source="gpt2")).spec.source.kind == "hub"
    assert resolve_model("m", ModelEntry(source="./gpt2")).spec.source.kind == "files"


def test_pickled_weights_are_refused(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ConfigError, match=r"only pickled weights \(pytorch_model.bin\)"):
        source_of_model(str(folder))


def test_a_model_that_needs_its_own_code_is_refused(tmp_path):
    code = {"auto_map": {"AutoModel": "modeling.Evil"}}
    with pytest.raises(ConfigError, match="auto_map"):
        source_of_model(str(write_model(tmp_path / "evil", model_type="evil", **code)))
    assert source_of_model(str(write_model(tmp_path / "fine", **code))).kind == "files"


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (ModelEntry(), "unknown model 'gtp2'; did you mean 'gpt2'"),
        (ModelEntry(source="tiny/xll"), "unknown size of tiny 'xll'; known: l, m, s, xs"),
        (ModelEntry(source="./none"), "no such folder"),
        (ModelEntry(source="a/b/c"), "unknown model 'a/b/c'"),
        (ModelEntry(source="../../etc; rm"), "no such folder"),
        (ModelEntry(source="tiny/xs", context=129), "128 positions"),
        (ModelEntry(source="tiny/xs", revision="a" * 40), "no revision"),
        (ModelEntry(source="gpt2", pretrain_seed=1), "pretrain_seed"),
        (ModelEntry(source="gpt2", config={"auto_map": {}}), "cannot be overridden"),
        (ModelEntry(source="gpt2", config={"trust_remote_code": True}), "cannot be overridden"),
    ],
)
def test_what_is_no_model_is_refused_with_the_reason(entry, message):
    with pytest.raises(ConfigError, match=message):
        resolve_model("gtp2", entry)


@pytest.mark.parametrize(
    ("content", "message"), [(None, "no config.json"), ("{", "cannot be read"), ("[]", "not a configuration")]
)
def test_a_folder_without_a_usable_config_is_no_model(folder, content, message):
    (folder / "config.json").unlink()
    if content is not None:
        (folder / "config.json").write_text(content)
    with pytest.raises(ConfigError, match=message):
        source_of_model(str(folder))


def test_parameters_are_counted_without_reading_weights(folder):
    model = resolve_model("m", ModelEntry(source=str(folder), config={"num_hidden_layers": 1}))
    assert count_parameters(folder) == 40 + 16 + 16
    assert num_parameters(model.spec, model.place) == 40 + 16
    assert num_parameters(resolve_model("gpt2", ModelEntry()).spec) == 124_439_808
    assert num_parameters(resolve_model("x", ModelEntry(source="tiny/l")).spec) == pytest.approx(
        826e3, rel=0.01
    )


@pytest.mark.parametrize(
    "content", [b"", b"\xff" * 8, struct.pack("<Q", 5) + b"hello", struct.pack("<Q", 2) + b"[]"]
)
def test_a_damaged_header_is_named(folder, content):
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(ConfigError, match="not a safetensors file"):
        count_parameters(folder)


def test_low_rank_adapters_are_part_of_the_spec():
    from w2s_ray.core.specs import LoraSpec

    plain = resolve_model("gpt2", ModelEntry()).spec
    assert resolve_model("gpt2", ModelEntry(lora=LoraSpec(rank=4))).spec == replace(
        plain, lora=LoraSpec(rank=4)
    )
