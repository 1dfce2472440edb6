"""Folders of images: `<root>/<class>/*.png`, or `<root>/{train,test}/<class>/*.png`. Standard library only.

A class is a folder; classes are in the order of their names. One root without splits is cut into training
and test rows by the split stage, as a single data file is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from w2s_ray.core.errors import ConfigError
from w2s_ray.core.filecache import digest_of
from w2s_ray.core.specs import Source
from w2s_ray.tasks.base import Row
from w2s_ray.tasks.files import FORMATS, source_of_files

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"})
SPLITS = ("train", "test")
IMAGE, CLASS = "image", "class"  # columns of the rows
FOLDER = "folder"  # what a described task's `image` says where its images lie in folders of their classes

Files = Mapping[str, list[Path]]


def is_image_folder(path: str | Path) -> bool:
    """Whether a path has folders of images and no data files of its own."""
    if not path or not Path(path).is_dir():
        return False
    is_data = any(
        entry.name.lower().endswith(tuple(f".{form}" for form in FORMATS))
        for entry in Path(path).iterdir()
        if entry.is_file()
    )
    return not is_data and any(_classes(root) for root in _roots(Path(path)).values())


def source_at(path: str) -> Source:
    """The source that the rows at a path are: a folder of images, or data files."""
    return source_of_images(path) if is_image_folder(path) else source_of_files(path)


def with_classes(definition: Mapping[str, Any], path: str | None) -> dict[str, Any]:
    """The definition with columns and labels told, where it says that images lie in folders of their classes."""
    if definition.get("image") != FOLDER:
        return dict(definition)
    if path is None or not is_image_folder(path):
        raise ConfigError(
            "`image: folder` needs a `path` with a folder of images for each class, "
            "`<class>/*.png` or `{train,test}/<class>/*.png`"
        )
    return {"label": CLASS, "labels": class_names(path), **definition, "image": IMAGE}


def source_of_images(path: str | Path) -> Source:
    """The source that these images are: splits, classes, names and bytes of the files, never the root."""
    parts = [
        (split, name, file.name, digest_of(file))
        for split, classes in images_in(path).items()
        for name, files in classes.items()
        for file in files
    ]
    return Source(kind="files", digest=hashlib.sha256(json.dumps(parts).encode()).hexdigest())


def class_names(path: str | Path) -> list[str]:
    """The classes of a root, sorted; ConfigError where its splits do not have the same ones."""
    found = {split: list(classes) for split, classes in images_in(path).items()}
    first = next(iter(found.values()))
    for split, names in found.items():
        if names != first:
            raise ConfigError(
                f"{str(path)!r}: the split {split!r} has the classes {names}, another one {first}"
            )
    return first


def images_in(path: str | Path) -> dict[str, Files]:
    """Split ("" where there is one root) → class → its images, all in the order of their names."""
    found: dict[str, Files] = {split: _classes(root) for split, root in _roots(Path(path)).items()}
    for split, classes in found.items():
        if len(classes) < 2:
            raise ConfigError(
                f"{str(Path(path) / split)!r} has {len(classes)} folders of images; a task has two classes at least"
            )
    return found


def folder_rows(path: str | Path, split: str) -> Iterator[Row]:
    """A row for each image of a split: the file under `image`, the folder's name under `class`."""
    for name, files in images_in(path)[split].items():
        for file in files:
            yield {IMAGE: {"bytes": file.read_bytes(), "path": file.name}, CLASS: name}


def _roots(path: Path) -> dict[str, Path]:
    roots = {split: path / split for split in SPLITS if (path / split).is_dir()}
    return roots if len(roots) == len(SPLITS) else {"": path}


def _classes(root: Path) -> dict[str, list[Path]]:
    folders = sorted(entry for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    found = {folder.name: sorted(filter(_is_image, folder.iterdir())) for folder in folders}
    return {name: files for name, files in found.items() if files}


def _is_image(file: Path) -> bool:
    return file.suffix.lower() in SUFFIXES and file.is_file()
