"""Images as examples: named by content, verified when they are read, from columns and from folders."""

from __future__ import annotations

import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from w2s_ray.core.errors import ConfigError, DataError
from w2s_ray.core.graph import split_stage
from w2s_ray.core.specs import TaskSpec
from w2s_ray.stages import split
from w2s_ray.stages.job import Job
from w2s_ray.tasks import describe, task_of
from w2s_ray.tasks.examples import read_examples
from w2s_ray.tasks.folders import class_names, is_image_folder, source_at, with_classes
from w2s_ray.tasks.images import decode, image_example, image_in, name_of, png_of
from w2s_ray.tasks.load import examples_in, tables

COLOURS = {"blue": (0, 0, 200), "red": (200, 0, 0)}
COLUMN = {"kind": "binary", "image": "img", "label": "label"}


def plain(n, colour=(0, 0, 0), size=(6, 4)):
    """An image with one pixel that tells n."""
    image = Image.new("RGB", size, colour)
    image.putpixel((0, 0), (n % 256, n // 256, 7))
    return image


def encoded(image, form="PNG", **options):
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def test_another_compression_or_metadata_of_the_same_pixels_is_the_same_image():
    image = plain(3)
    names = {name_of(one, "x") for one in (encoded(image), encoded(image, compress_level=0),
                                           encoded(image, "BMP"), encoded(image, dpi=(10, 10)))}  # fmt: skip
    assert len(names) == 1 and names != {name_of(encoded(plain(4)), "x")}
    turned = plain(3, size=(4, 6))
    assert name_of(encoded(turned), "x") not in names


def test_a_lossy_file_is_named_by_its_bytes():
    """Decoders of JPEG differ between versions, and an id may not depend on the machine."""
    import hashlib

    jpeg = encoded(plain(3), "JPEG")
    assert name_of(jpeg, "x") == hashlib.sha256(jpeg).hexdigest()
    assert name_of(encoded(plain(3), "JPEG", quality=50), "x") != name_of(jpeg, "x")


def test_an_image_lies_as_its_orientation_tag_says():
    image = plain(3)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    assert decode(encoded(image, "JPEG", exif=exif)).size == (4, 6)


@pytest.mark.parametrize("form", ["bytes", "parquet", "pillow"])
def test_a_column_holds_bytes_or_what_datasets_makes_of_them(form):
    image = plain(5)
    value = {"bytes": encoded(image), "parquet": {"bytes": encoded(image), "path": "5.png"}, "pillow": image}
    example = image_example({"img": value[form]}, "img", 1)
    assert example.text == (name_of(encoded(image), "img"),) == (example.group,)
    assert decode(example.image).tobytes() == image.tobytes()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "column 'img' is None, not an image"),
        (b"", "not an image"),
        ("cat.png", "'cat.png', not an image"),
        ({"bytes": None, "path": "cat.png"}, "names the file 'cat.png' and does not hold the image"),
        (b"GIF89a nothing more", "column 'img' holds no readable image"),
        (encoded(plain(1))[:-30], "column 'img' holds no readable image"),
        (encoded(plain(1, size=(64, 64)), "JPEG")[:-200], "column 'img' holds no readable image"),
    ],
)
def test_what_is_no_image_is_refused(value, message):
    with pytest.raises(DataError, match=message):
        image_example({"img": value}, "img", 0)


def rows(num):
    return [{"img": {"bytes": encoded(plain(n)), "path": None}, "label": n % 2} for n in range(num)]


def written(path, made):
    schema = pa.schema(
        [("img", pa.struct([("bytes", pa.binary()), ("path", pa.string())])), ("label", pa.int64())]
    )
    pq.write_table(pa.Table.from_pylist(made, schema=schema), path)
    return path


def described(definition, path, **sizes):
    """The spec of a described task over local files, and where they are."""
    source = source_at(str(path))
    definition = with_classes(definition, str(path))
    spec = TaskSpec(name="mine", version=1, source=source, definition=definition,
                    **{"half": 20, "validation": 10, "test": 10} | sizes)  # fmt: skip
    return spec, {source.digest: str(path)}


def run_split(tmp_path, spec, places):
    (tmp_path / "out").mkdir()
    split.run(Job(stage=split_stage(spec, 0), inputs={}, out=tmp_path / "out", places=places))
    return tmp_path / "out"


def test_an_unreadable_image_stops_the_split_with_its_row_and_column(tmp_path):
    made = rows(80)
    made[41]["img"]["bytes"] = made[41]["img"]["bytes"][:-30]
    spec, places = described(COLUMN, written(tmp_path / "mine.parquet", made))
    with pytest.raises(DataError, match=r"mine\.parquet, row 42: column 'img' holds no readable image"):
        run_split(tmp_path, spec, places)


def test_images_are_named_and_not_kept_in_a_split(tmp_path):
    made = rows(90)
    made += [dict(made[0], img={"bytes": encoded(plain(0), "BMP"), "path": "again"})]  # the same image again
    spec, places = described(COLUMN, written(tmp_path / "mine.parquet", made))
    out = run_split(tmp_path, spec, places)
    examples, facts = read_examples(out), json.loads((out / "split.json").read_text())
    assert facts["medium"] == "image" and facts["counts"]["dropped"]["duplicate"] == 1
    assert set(examples.texts) <= {(name_of(row["img"]["bytes"], "img"),) for row in made}
    assert (out / "examples.parquet").stat().st_size < 20_000


def folder(root, *splits, num=40):
    """Images of two colours in folders of their classes."""
    for place, split_name in enumerate(splits or ("",)):
        for colour, rgb in COLOURS.items():
            (root / split_name / colour).mkdir(parents=True)
            for n in range(num):
                image = plain(1000 * place + n, rgb)
                image.save(root / split_name / colour / f"{n}.png")
        (root / split_name / "notes").mkdir()
        (root / split_name / "notes" / "read.me").write_text("no image")
    return root


@pytest.mark.parametrize("splits", [(), ("train", "test")])
def test_a_folder_of_classes_is_a_task(tmp_path, splits):
    root = folder(tmp_path / "images", *splits)
    spec, places = described({"kind": "binary", "image": "folder"}, root)
    assert spec.definition["labels"] == ["blue", "red"] == class_names(root)
    found = {role: [example for row in examples_in(task_of(spec), table) for example in row]
             for role, table in tables(task_of(spec), spec, places).items()}  # fmt: skip
    assert set(found) == set(splits or ("all",))
    for examples in found.values():
        assert [example.label for example in examples] == [0] * 40 + [1] * 40
        assert decode(examples[0].image).getpixel((1, 1)) == COLOURS["blue"]
    assert len(read_examples(run_split(tmp_path, spec, places))) == 60


def test_a_split_never_holds_many_images_at_once(tmp_path):
    import os
    import tracemalloc

    for colour in COLOURS:
        (tmp_path / "images" / colour).mkdir(parents=True)
        for n in range(40):
            noise = Image.frombytes("RGB", (100, 100), os.urandom(30_000))
            noise.save(tmp_path / "images" / colour / f"{n}.bmp")
    spec, places = described({"kind": "binary", "image": "folder"}, tmp_path / "images")
    tracemalloc.start()
    run_split(tmp_path, spec, places)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000 < 80 * 30_000


def test_a_folder_is_named_by_its_files_and_not_by_its_place(tmp_path):
    one, other = folder(tmp_path / "one", num=3), folder(tmp_path / "other", num=3)
    assert source_at(str(one)) == source_at(str(other))
    (other / "red" / "1.png").write_bytes(encoded(plain(77)))
    assert source_at(str(one)) != source_at(str(other))


def test_a_folder_that_changed_since_it_was_planned_is_told(tmp_path):
    root = folder(tmp_path / "images", num=3)
    spec, places = described({"kind": "binary", "image": "folder"}, root)
    (root / "red" / "1.png").unlink()
    with pytest.raises(DataError, match="have changed since the sweep was planned"):
        tables(task_of(spec), spec, places)


def test_data_files_are_no_folder_of_images(tmp_path):
    folder(tmp_path, num=2)
    assert is_image_folder(tmp_path)
    written(tmp_path / "train.parquet", rows(3))
    assert not is_image_folder(tmp_path) and not is_image_folder("") and not is_image_folder(tmp_path / "no")


def test_a_folder_with_one_class_or_with_other_classes_in_its_test_is_refused(tmp_path):
    (tmp_path / "a" / "cat").mkdir(parents=True)
    (tmp_path / "a" / "cat" / "1.png").write_bytes(encoded(plain(1)))
    with pytest.raises(ConfigError, match="has 1 folders of images; a task has two classes"):
        source_at(str(tmp_path / "a"))
    root = folder(tmp_path / "b", "train", "test", num=2)
    (root / "test" / "red").rename(root / "test" / "green")
    with pytest.raises(ConfigError, match=r"the split 'test' has the classes \['blue', 'green'\]"):
        class_names(root)
    with pytest.raises(ConfigError, match="`image: folder` needs a `path`"):
        with_classes({"image": "folder"}, None)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"text": "{a}"}, "an image has a class .* found 'text'"),
        ({"kind": "pairwise"}, "an image has a class .* found kind: pairwise"),
        ({"kind": "kclass"}, "a kclass task lists its raw labels"),
    ],
)
def test_an_image_has_a_class_and_no_text(more, message):
    with pytest.raises(ConfigError, match=message):
        describe("mine", COLUMN | more, source=None)


def test_rows_of_the_hub_are_left_as_files():
    datasets = pytest.importorskip("datasets")
    from w2s_ray.tasks.hub import encoded as left_encoded

    features = datasets.Features({"img": datasets.Image(), "label": datasets.Value("int64")})
    loaded = datasets.Dataset.from_list(rows(3), features=features)
    assert [image_in(row, "img") for row in left_encoded(loaded)] == [row["img"]["bytes"] for row in rows(3)]
    assert png_of(loaded[0]["img"])  # as it comes otherwise: decoded
