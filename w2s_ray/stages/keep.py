"""Weights that a later stage needs: a trained backbone, written as a checkpoint of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from w2s_ray.stages.pretrain import save


def keep(module: Any, backbone: Any, tokenizer: Any, weights: Mapping[str, Any], folder: Path) -> None:
    """Write `backbone`, a part of the freshly built `module`, with the `weights` that were trained of that.

    Built anew, for an engine may have cut its own copy among workers. Adapters are merged.
    """
    import torch

    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if name in weights:
                parameter.copy_(weights[name])
    save(
        backbone.merge_and_unload() if hasattr(backbone, "merge_and_unload") else backbone, tokenizer, folder
    )
