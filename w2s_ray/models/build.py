"""A backbone with its head: the only place that knows pooling and padding. The head is head.py."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from w2s_ray.core.errors import EnvironmentFault
from w2s_ray.core.specs import ModelSpec
from w2s_ray.models import tiny
from w2s_ray.models.encode import ensure_pad_token
from w2s_ray.models.head import Head, HeadPlan, answers, build_head

log = logging.getLogger(__name__)
_DROPOUTS = ("dropout", "pdrop", "dropout_prob")
_OFFSET_POSITIONS = ("roberta", "xlm-roberta", "camembert", "mpnet")  # positions begin after the pad id


class Classifier(nn.Module):
    """A backbone with a linear head on its pooled hidden state.

    What its outputs say of an example is `head.answers`.
    """

    def __init__(self, backbone: nn.Module, head: Head, *, pooling: str, num_texts: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head
        self.pooling = pooling
        self.num_texts = num_texts

    def forward(self, input_ids_RT: Tensor, mask_RT: Tensor) -> Tensor:
        """Logits [examples, classes] in fp32 from rows of right-padded texts, an example's texts adjacent."""
        return answers(self.head(self.pooled(input_ids_RT, mask_RT)), self.num_texts)

    def pooled(self, input_ids_RT: Tensor, mask_RT: Tensor) -> Tensor:
        """The vector [rows, width] that the head sees of each text."""
        hidden_RTD = self.backbone(input_ids=input_ids_RT, attention_mask=mask_RT).last_hidden_state
        return pool(hidden_RTD, mask_RT, self.pooling)


@dataclass(frozen=True, kw_only=True)
class Built:
    """A model ready for an engine, with its tokenizer and its longest input in tokens."""

    classifier: Classifier
    tokenizer: Any
    max_tokens: int
    head_init: str


def pool(hidden_RTD: Tensor, mask_RT: Tensor, pooling: str) -> Tensor:
    """One vector per row, by the attention mask: the last real token's, or the mean of all real ones."""
    if pooling == "mean":
        weight_RT1 = mask_RT.to(hidden_RTD.dtype).unsqueeze(-1)
        mean_RD: Tensor = (hidden_RTD * weight_RT1).sum(1) / weight_RT1.sum(1).clamp(min=1)
        return mean_RD
    last_R = mask_RT.long().sum(1).clamp(min=1) - 1
    return hidden_RTD[torch.arange(len(hidden_RTD), device=hidden_RTD.device), last_R]


def build(
    model: ModelSpec, folder: Path | None, head: HeadPlan, *, seed: int, vocabulary: Sequence[str] = ()
) -> Built:
    """Build a classifier in fp32 on the CPU, every random number drawn from `seed`.

    `folder` holds the checkpoint; it is None only for a rung of the offline ladder from random weights, whose
    tokenizer comes from `vocabulary`.
    """
    from transformers import AutoModel

    quiet()
    config, tokenizer = config_and_tokenizer(model, folder, vocabulary)
    ensure_pad_token(tokenizer)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        linear, head_init = build_head(
            model, folder, config, tokenizer, head, one_sided=not is_encoder(config)
        )
        backbone = load(AutoModel, model, folder, config)
        if model.lora is not None:
            backbone = with_lora(backbone, model)
    without_dropout(backbone)
    pooling = model.pooling if model.pooling != "auto" else ("mean" if is_encoder(config) else "last")
    classifier = Classifier(backbone, linear, pooling=pooling, num_texts=head.num_texts)
    return Built(
        classifier=classifier.train(),
        tokenizer=tokenizer,
        max_tokens=min(model.context, num_positions(config) or model.context),
        head_init=head_init,
    )


def num_positions(config: Any) -> int | None:
    """The longest input that a model has positions for; None where it has no such limit."""
    positions: int | None = getattr(config, "max_position_embeddings", None)
    if positions is not None and config.model_type in _OFFSET_POSITIONS:
        positions -= int(config.pad_token_id) + 1
    return positions


def is_encoder(config: Any) -> bool:
    """Whether a configuration is of a masked language model, whose tokens see both sides."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES

    return config.model_type in MODEL_FOR_MASKED_LM_MAPPING_NAMES and not getattr(config, "is_decoder", False)


def without_dropout(module: nn.Module) -> None:
    """Set every dropout to 0, so that train mode, which gradient checkpointing needs, is like eval."""
    for child in module.modules():
        if isinstance(child, nn.Dropout):
            child.p = 0.0


def enable_gradient_checkpointing(backbone: Any) -> None:
    """Recompute activations in the backward pass; raises where the architecture cannot."""
    later_name = getattr(backbone, "activation_checkpointing_enable", None)  # transformers renamed it in 5.23
    (later_name or backbone.gradient_checkpointing_enable)({"use_reentrant": False})
    if not getattr(backbone, "is_gradient_checkpointing", False):
        raise EnvironmentFault(f"{type(backbone).__name__} did not turn gradient checkpointing on")


def quiet() -> None:
    """Silence progress bars and load reports of transformers; what matters in them is raised as an error."""
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()


def config_and_tokenizer(model: ModelSpec, folder: Path | None, vocabulary: Sequence[str]) -> tuple[Any, Any]:
    """A model's configuration, overrides applied and dropout off, and its tokenizer."""
    if folder is None:
        return tiny.config_and_tokenizer(model, vocabulary)
    from transformers import AutoConfig, AutoTokenizer

    config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    config.update(dict(model.config))
    for name in list(config.to_dict()):
        if name.endswith(_DROPOUTS) and isinstance(getattr(config, name), float | int):
            setattr(config, name, 0.0)
    config.use_cache = False  # of keys and values, for generation
    return config, AutoTokenizer.from_pretrained(folder, trust_remote_code=False)


def load(auto: Any, model: ModelSpec, folder: Path | None, config: Any) -> nn.Module:
    """The model that a class of transformers, such as AutoModel, makes of a checkpoint, or of random weights.

    In fp32; EnvironmentFault where the checkpoint lacks weights.
    """
    if folder is None or not model.has_weights:
        random: nn.Module = auto.from_config(config, dtype=torch.float32)
        return random
    backbone, info = auto.from_pretrained(
        folder,
        config=config,
        dtype=torch.float32,
        use_safetensors=True,
        trust_remote_code=False,
        output_loading_info=True,
    )
    missing = [name for name in info["missing_keys"] if not name.startswith("pooler.")]
    if missing or info["mismatched_keys"]:
        raise EnvironmentFault(
            f"{folder}: the checkpoint lacks weights of the model: {(missing or info)!s:.300}"
        )
    pooler = getattr(backbone, "pooler", None)
    if pooler is not None and any(True for _ in pooler.parameters()):
        backbone.pooler = None  # unused, and where the checkpoint has none it would be random
    loaded: nn.Module = backbone
    return loaded


def with_lora(backbone: nn.Module, model: ModelSpec) -> nn.Module:
    """Put low-rank adapters on a model, the only parameters that train."""
    from peft import LoraConfig, get_peft_model

    assert model.lora is not None
    config = LoraConfig(
        r=model.lora.rank, lora_alpha=model.lora.alpha, target_modules=model.lora.targets, lora_dropout=0.0
    )
    adapted: nn.Module = get_peft_model(backbone, config)
    return adapted
