"""`features.safetensors`: what a frozen model makes of examples; the file's layout is known only here.

Rows are in the order of ids; a row has one vector for each text of its example, or for its image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from w2s_ray.core.errors import DataError

FILE = "features.safetensors"


@dataclass(frozen=True, kw_only=True, eq=False)
class Activations:
    """Vectors fp32 [rows, texts, width] of the examples with these ids (16 hex digits each).

    `num_parameters` are those of the frozen model.
    """

    ids: tuple[str, ...]
    x_NTD: npt.NDArray[np.float32]
    num_parameters: int

    def by_id(self, ids: Sequence[str]) -> npt.NDArray[np.float32]:
        """Vectors of these examples, in their order; DataError where one lacks."""
        row_of = {name: row for row, name in enumerate(self.ids)}
        missing = [name for name in ids if name not in row_of]
        if missing:
            raise DataError(f"the features lack {len(missing)} of {len(ids)} examples, {missing[0]!r} first")
        return self.x_NTD[[row_of[name] for name in ids]]


def write_activations(folder: Path, activations: Activations) -> None:
    """Write the file; equal activations give equal bytes."""
    from safetensors.numpy import save_file

    order = sorted(range(len(activations.ids)), key=lambda row: activations.ids[row])
    numbers_N = np.array([int(activations.ids[row], 16) for row in order], dtype=np.uint64)
    x_NTD = np.ascontiguousarray(activations.x_NTD[order], dtype=np.float32)
    save_file(
        {"ids": numbers_N, "features": x_NTD},
        folder / FILE,
        metadata={"num_parameters": str(activations.num_parameters)},
    )


def read_activations(folder: Path) -> Activations:
    """The activations that a features stage left in `folder`."""
    from safetensors import safe_open

    with safe_open(str(folder / FILE), framework="numpy") as file:
        return Activations(
            ids=tuple(f"{number:016x}" for number in file.get_tensor("ids").tolist()),
            x_NTD=file.get_tensor("features"),
            num_parameters=int(file.metadata()["num_parameters"]),
        )
