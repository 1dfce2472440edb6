"""Images as examples: an image column becomes encoded bytes, a name by content, and later pixels.

Two rows are one example where their images are the same. Files without loss (PNG and the like) are compared
by what a model looks at, the RGB pixels, so that another compression or other metadata make no other image.
Lossy files (JPEG, WebP) are compared by their bytes: decoders of those differ between versions in single
pixels, and an id may not depend on the machine.
"""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING, Any

from w2s_ray.core.errors import DataError
from w2s_ray.tasks.base import Example, Row

if TYPE_CHECKING:
    from PIL.Image import Image

LOSSY = frozenset({"JPEG", "MPO", "WEBP", "JPEG2000", "AVIF"})


def image_example(row: Row, column: str, label: int, *, group: str = "") -> Example:
    """The example of an image column; without a `group` it is a group of its own."""
    encoded = image_in(row, column)
    name = name_of(encoded, column)
    return Example(("",), (name,), label, group or name, image=encoded)


def image_in(row: Row, column: str) -> bytes:
    """The encoded file of an image column: bytes, `{"bytes": …}` as Parquet has it, or a Pillow image."""
    value = row[column]
    if isinstance(value, dict) and value.get("bytes") is None and value.get("path"):
        raise DataError(f"column {column!r} names the file {value['path']!r} and does not hold the image")
    encoded = value.get("bytes") if isinstance(value, dict) else value
    if hasattr(encoded, "save"):  # an image that `datasets` has decoded
        return png_of(encoded)
    if not isinstance(encoded, bytes) or not encoded:
        raise DataError(f"column {column!r} is {repr(value)[:60]}, not an image")
    return encoded


def name_of(encoded: bytes, column: str) -> str:
    """64 hex digits that name an image by content; DataError where it cannot be decoded to its end."""
    image, form = _decoded(encoded, column)
    if form in LOSSY:
        return hashlib.sha256(encoded).hexdigest()
    size = "{} {}\n".format(*image.size).encode()
    return hashlib.sha256(size + image.tobytes()).hexdigest()


def decode(encoded: bytes) -> Image:
    """The RGB image, upright by its own orientation tag; DataError where it cannot be decoded."""
    return _decoded(encoded, "image")[0]


def png_of(image: Any) -> bytes:
    """A Pillow image as a PNG file."""
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def _decoded(encoded: bytes, column: str) -> tuple[Image, str]:
    from PIL import Image, ImageOps

    try:
        with Image.open(io.BytesIO(encoded)) as image:
            form = str(image.format)
            return ImageOps.exif_transpose(image).convert("RGB"), form
    except Exception as error:  # decoders meet damaged bytes with a dozen kinds of error
        raise DataError(f"column {column!r} holds no readable image ({error})") from None
