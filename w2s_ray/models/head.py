"""The linear head of a classifier, and what it starts from: rows of the unembedding, or small numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from w2s_ray.core.specs import ModelSpec

SMALL_STD = 0.01
_OUTPUT_NAMES = ("lm_head.weight", "embed_out.weight")
_INPUT_NAMES = ("wte.weight", "embed_tokens.weight", "embed_in.weight", "word_embeddings.weight")


@dataclass(frozen=True, kw_only=True)
class HeadPlan:
    """The shape of an answer: `num_classes` logits on one text, or with two texts one score each.

    `init` is `words`, `small` or `zero` (core.specs.TrainSpec); `label_words` name the classes' tokens. `file` has
    the head of a probe (`save_head`), from which to start whatever `init` says.
    """

    num_classes: int
    num_texts: int = 1
    label_words: Sequence[str] = ()
    init: str = "words"
    file: Path | None = None

    @property
    def num_outputs(self) -> int:
        return 1 if self.num_texts > 1 else self.num_classes


class Head(nn.Linear):
    """A linear layer that computes in fp32 whatever is autocast around it: bf16 logits tie.

    No bias, so that `words` gives the language model's own logits; but with one where it starts from a probe's.
    """

    def __init__(self, num_inputs: int, num_outputs: int, *, bias: bool = False) -> None:
        super().__init__(num_inputs, num_outputs, bias=bias)

    def forward(self, input: Tensor) -> Tensor:
        with torch.autocast(input.device.type, enabled=False):
            bias = None if self.bias is None else self.bias.float()
            return nn.functional.linear(input.float(), self.weight.float(), bias)


class Probe(nn.Module):
    """A linear layer with a bias on given vectors; `seed` draws its weights, the bias starts at zero."""

    def __init__(self, width: int, plan: HeadPlan, *, seed: int) -> None:
        super().__init__()
        self.num_texts = plan.num_texts
        self.linear = nn.Linear(width, plan.num_outputs)
        drawn_KD = torch.randn(self.linear.weight.shape, generator=torch.Generator().manual_seed(seed))
        with torch.no_grad():
            self.linear.weight.copy_(drawn_KD * (0.0 if plan.init == "zero" else SMALL_STD))
            self.linear.bias.zero_()

    def forward(self, x_RD: Tensor) -> Tensor:
        """Logits [examples, classes] from vectors [examples × texts, width], in fp32."""
        with torch.autocast(x_RD.device.type, enabled=False):
            return answers(self.linear(x_RD.float()), self.num_texts)


def answers(outputs_RK: Tensor, num_texts: int) -> Tensor:
    """Logits [examples, classes] from a head's outputs for each text.

    With two texts an example the head has one output, and the logits of an example are (score of the second,
    score of the first): class 1, "the first is better", has probability sigmoid(s1 - s2) (Burns et al. 2023,
    A.3).
    """
    return outputs_RK if num_texts == 1 else outputs_RK.view(-1, num_texts).flip(1)


def build_head(
    model: ModelSpec, folder: Path | None, config: Any, tokenizer: Any, plan: HeadPlan, *, one_sided: bool
) -> tuple[Head, str]:
    """The linear head and how it was really initialised.

    Only a `one_sided` model, a decoder, predicts the next word from its last hidden state.
    """
    if plan.file is not None:
        return _probed_head(int(config.hidden_size), plan.num_outputs, plan.file), "probe"
    linear = Head(int(config.hidden_size), plan.num_outputs)
    rows = None
    if (
        plan.init == "words"
        and plan.num_texts == 1
        and one_sided
        and folder is not None
        and model.has_weights
    ):
        rows = unembedding_rows(folder, config, tokenizer, plan.label_words)
    with torch.no_grad():
        if rows is not None and rows.shape == linear.weight.shape:
            linear.weight.copy_(rows)
            return linear, "words"
        if plan.init == "zero":
            linear.weight.zero_()
        else:
            linear.weight.normal_(std=SMALL_STD)
    return linear, "zero" if plan.init == "zero" else "small"


def save_head(probe: Probe, file: Path) -> None:
    """Leave a probe's matrix and bias for a classifier to start from."""
    from safetensors.torch import save_file

    save_file({name: tensor.cpu().contiguous() for name, tensor in probe.linear.state_dict().items()}, file)


def _probed_head(num_inputs: int, num_outputs: int, file: Path) -> Head:
    from safetensors.torch import load_file

    linear = Head(num_inputs, num_outputs, bias=True)
    linear.load_state_dict(load_file(file))
    return linear


def unembedding_rows(folder: Path, config: Any, tokenizer: Any, words: Sequence[str]) -> Tensor | None:
    """The unembedding's rows of the label words, or None: no words, or a word of several tokens.

    Read from the checkpoint's file, where tied matrices are stored once, under the input embedding's name.
    """
    ids = [_token_of(tokenizer, word) for word in words]
    known = [index for index in ids if index is not None]
    if not known or len(known) < len(ids):
        return None
    names = _OUTPUT_NAMES + (_INPUT_NAMES if getattr(config, "tie_word_embeddings", False) else ())
    for file in sorted(folder.glob("*.safetensors")):
        rows = _rows_in(file, names, known)
        if rows is not None:
            return rows
    return None


def _token_of(tokenizer: Any, word: str) -> int | None:
    """The id of a word that is one token, as text or in the vocabulary's own spelling; else None."""
    encoded: list[int] = tokenizer.encode(word, add_special_tokens=False)
    index: int | None = encoded[0] if len(encoded) == 1 else tokenizer.convert_tokens_to_ids(word)
    return None if index == tokenizer.unk_token_id else index


def _rows_in(file: Path, names: Sequence[str], ids: Sequence[int]) -> Tensor | None:
    from safetensors import safe_open

    with safe_open(str(file), framework="pt") as tensors:
        for stored in tensors.keys():
            if any(f".{stored}".endswith(f".{name}") for name in names):
                matrix = tensors.get_slice(stored)
                return torch.cat([matrix[i : i + 1] for i in ids]).float()
    return None
