"""Frozen models of images: those made here, tiny ones of transformers in a folder, and how images are prepared."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image

from w2s_ray.core.errors import ConfigError, EnvironmentFault
from w2s_ray.models.made import source_of_made
from w2s_ray.models.resolve import ModelEntry, medium_of, num_parameters, resolve_model
from w2s_ray.models.transform import Transform, read_transform, transform_of
from w2s_ray.models.vision import build_extractor
from w2s_ray.models.zoo import without_classifier

PREPROCESSOR = {
    "do_resize": True,
    "size": {"height": 16, "width": 16},
    "resample": 2,
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": [0.5, 0.4, 0.3],
    "image_std": [0.2, 0.25, 0.3],
}


def picture(height=20, width=30, seed=0):
    pixels = np.random.default_rng(seed).integers(256, size=(height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A tiny ViT and a tiny ResNet as checkpoints."""
    from transformers import ResNetConfig, ResNetModel, ViTConfig, ViTModel

    root = tmp_path_factory.mktemp("vision")
    torch.manual_seed(7)
    vit = ViTConfig(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
                    image_size=16, patch_size=8)  # fmt: skip
    resnet = ResNetConfig(embedding_size=8, hidden_sizes=[8, 12], depths=[1, 1], layer_type="basic")
    for name, model in (("vit", ViTModel(vit)), ("resnet", ResNetModel(resnet))):
        model.save_pretrained(root / name)
        (root / name / "preprocessor_config.json").write_text(json.dumps(PREPROCESSOR))
    return root


def embed(model, folder, *images, seed=0):
    """Features [images, width] of a model."""
    extractor = build_extractor(model, folder, seed=seed)
    with torch.no_grad():
        return extractor.network(
            torch.from_numpy(np.stack([extractor.prepare(one) for one in images]))
        ).numpy()


def local(folder, **entry):
    return resolve_model("mine", ModelEntry(source=str(folder), **entry)).spec


def test_pixels_are_the_means_of_areas():
    model = resolve_model("p", ModelEntry(source="pixels/2")).spec
    grey = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4
    found = embed(model, None, Image.fromarray(grey))[0]
    assert found == pytest.approx(grey.reshape(2, 4, 2, 4).mean((1, 3)).ravel() / 255, abs=1e-5)
    assert num_parameters(model) == 0 and model.regime == "probe" and medium_of(model) == "image"


def test_patches_are_one_frozen_model_whatever_the_seed():
    model = resolve_model("p", ModelEntry(source="patches/8")).spec
    one, other = (embed(model, None, picture(), picture(seed=1), seed=seed) for seed in (0, 1))
    assert one.shape == (2, 32) and np.array_equal(one, other) and (one >= 0).all() and one.std() > 0.01
    assert num_parameters(model) == 8 * 25


def test_an_even_image_shows_no_patch():
    model = resolve_model("p", ModelEntry(source="patches/8")).spec
    assert not embed(model, None, Image.new("RGB", (16, 16), "red")).any()


@pytest.mark.parametrize("source", ["pixels/0", "pixels/65", "pixels/x", "pixels/", "patches/5000"])
def test_a_number_out_of_range_is_refused(source):
    with pytest.raises(ConfigError, match=r"expected p(ixels|atches)/<number from 1 to"):
        source_of_made(source)


def test_a_vision_transformer_gives_its_class_token_and_a_mean_where_that_is_asked_for(folders):
    from transformers import ViTModel

    reference = ViTModel.from_pretrained(folders / "vit").eval()
    pixels = torch.from_numpy(read_transform(folders / "vit")(picture()))[None]
    with torch.no_grad():
        hidden = reference(pixel_values=pixels).last_hidden_state[0].numpy()
    assert embed(local(folders / "vit"), folders / "vit", picture())[0] == pytest.approx(hidden[0], abs=1e-5)
    mean = embed(local(folders / "vit", pooling="mean"), folders / "vit", picture())[0]
    assert mean == pytest.approx(hidden.mean(0), abs=1e-5)


def test_a_convolutional_network_gives_its_global_average(folders):
    from transformers import ResNetModel

    reference = ResNetModel.from_pretrained(folders / "resnet").eval()
    pixels = torch.from_numpy(read_transform(folders / "resnet")(picture()))[None]
    with torch.no_grad():
        pooled = reference(pixel_values=pixels).pooler_output.flatten().numpy()
    assert embed(local(folders / "resnet"), folders / "resnet", picture())[0] == pytest.approx(
        pooled, abs=1e-5
    )


def test_fewer_layers_and_random_weights_are_other_models(folders):
    whole, cut = local(folders / "vit"), local(folders / "vit", config={"num_hidden_layers": 1})
    scratch = local(folders / "vit", pretrained=False)
    found = [embed(model, folders / "vit", picture()) for model in (whole, cut, scratch)]
    assert not np.allclose(found[0], found[1]) and not np.allclose(found[0], found[2])
    assert np.array_equal(found[2], embed(scratch, folders / "vit", picture()))
    assert not np.array_equal(found[2], embed(scratch, folders / "vit", picture(), seed=1))


def test_how_images_are_prepared_is_part_of_a_folders_content(folders, tmp_path):
    import shutil

    shutil.copytree(folders / "vit", tmp_path / "vit")
    other = PREPROCESSOR | {"image_mean": [0.0, 0.0, 0.0]}
    (tmp_path / "vit" / "preprocessor_config.json").write_text(json.dumps(other))
    assert local(folders / "vit").source != local(tmp_path / "vit").source


def test_a_transform_is_that_of_the_checkpoints_own_library():
    """`ViTImageProcessor` of transformers, in Pillow, is the second implementation."""
    pytest.importorskip("transformers.models.vit.image_processing_pil_vit")
    from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

    reference = ViTImageProcessorPil(**PREPROCESSOR)(picture(), return_tensors="np")["pixel_values"][0]
    assert transform_of(PREPROCESSOR)(picture()) == pytest.approx(np.asarray(reference), abs=1e-5)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"size": 224}, Transform(size=(224, 224))),
        ({"size": {"shortest_edge": 256}, "do_center_crop": True, "crop_size": {"height": 224, "width": 224}},
         Transform(shortest=256, crop=(224, 224))),
        ({"size": 224, "crop_pct": 0.875}, Transform(shortest=256, crop=(224, 224))),
        ({"size": {"shortest_edge": 224}, "crop_pct": 0.875, "resample": 2},
         Transform(shortest=256, crop=(224, 224), resample=2)),
        ({"do_resize": False, "do_rescale": False}, Transform(scale=1.0)),
    ],
)  # fmt: skip
def test_the_words_of_transformers_are_understood(config, expected):
    assert transform_of({"do_normalize": False} | config) == expected


def test_the_middle_is_cut_from_the_shorter_side():
    image = Image.new("RGB", (40, 20), "black")
    image.paste((255, 255, 255), (10, 0, 30, 20))
    found = Transform(shortest=10, crop=(10, 10), resample=4)(image)
    assert found.shape == (3, 10, 10) and found == pytest.approx(1.0)


def test_a_folder_that_does_not_say_how_images_are_prepared_is_told(tmp_path):
    with pytest.raises(EnvironmentFault, match="no usable preprocessor_config"):
        read_transform(tmp_path)


def test_a_model_of_texts_is_told_from_one_of_images(tmp_path):
    from transformers import GPT2Config

    from w2s_ray.core.specs import ModelSpec, Source

    GPT2Config(n_embd=8, n_layer=1, n_head=1).save_pretrained(tmp_path)
    model = ModelSpec(family="auto", source=Source(kind="hub", name="a/b"), regime="probe")
    with pytest.raises(EnvironmentFault, match="'gpt2' looks at texts; this task has images"):
        build_extractor(model, tmp_path, seed=0)


@pytest.mark.parametrize("entry", [{"regime": "finetune"}, {"context": 64}, {"lora": "any"}])
def test_a_vision_model_is_probed_and_nothing_else(entry):
    with pytest.raises(ConfigError, match=r"vision model stays frozen|no tokens|has no adapters"):
        resolve_model("v", ModelEntry(source="pixels/4", **entry))


def test_a_probe_of_a_language_model_has_no_adapters():
    from w2s_ray.core.specs import LoraSpec

    assert resolve_model("gpt2", ModelEntry(regime="probe")).spec.regime == "probe"
    with pytest.raises(ConfigError, match="lora: a probe leaves the model as it is"):
        resolve_model("gpt2", ModelEntry(regime="probe", lora=LoraSpec()))


@pytest.mark.parametrize(
    ("alias", "source", "kind", "family", "medium"),
    [
        ("alexnet", None, "package", "torchvision", "image"),
        ("x", "torchvision/resnet50", "package", "torchvision", "image"),
        ("x", "timm/vit_base_patch8_224.dino", "hub", "timm", "image"),
        ("dino-vitb8", None, "hub", "dino", "image"),
        ("x", "someone/somewhat", "hub", "auto", ""),
        ("gpt2", None, "hub", "gpt2", "text"),
        ("x", "tiny/xs", "world", "tiny", "text"),
    ],
)
def test_a_name_says_where_a_model_comes_from_and_what_it_looks_at(alias, source, kind, family, medium):
    spec = resolve_model(alias, ModelEntry(source=source)).spec
    assert (spec.source.kind, spec.family, medium_of(spec)) == (kind, family, medium)


def test_a_classifier_loses_its_last_layer_alone():
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.classifier = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Linear(3, 2))

    net = without_classifier(Net())
    assert isinstance(net.classifier[0], torch.nn.Linear) and isinstance(net.classifier[1], torch.nn.Identity)
    with pytest.raises(ConfigError, match="does not end in a linear classifier"):
        without_classifier(torch.nn.ReLU())
