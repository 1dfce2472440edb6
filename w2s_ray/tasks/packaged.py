"""Rows that come with a Python package: `<package>/<name>` of a source of kind `package`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from w2s_ray.core.errors import EnvironmentFault
from w2s_ray.tasks.base import Row


def rows(name: str) -> Iterator[Row]:
    """The rows of a packaged dataset; EnvironmentFault where its package is not installed."""
    try:
        yield from _ROWS[name]()
    except ImportError as error:
        raise EnvironmentFault(
            f"the rows of {name!r} come with a package that is not installed ({error}); "
            f"pip install 'w2s-ray[vision]'"
        ) from None


def _digits() -> Iterator[Row]:
    """1,797 handwritten digits of 8 × 8 grey values from 0 to 16 (UCI, Alpaydin and Kaynak 1998), as PNG."""
    import numpy as np
    from PIL import Image
    from sklearn.datasets import load_digits

    from w2s_ray.tasks.images import png_of

    data = load_digits()
    for grey, label in zip(data.images, data.target, strict=True):
        image = Image.fromarray(np.round(grey * (255 / 16)).astype(np.uint8))
        yield {"image": {"bytes": png_of(image), "path": None}, "label": int(label)}


_ROWS: Mapping[str, Callable[[], Iterator[Row]]] = {"scikit-learn/digits": _digits}
