"""A record says what was left behind, and is believed only when every character of it is."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import pytest

from w2s_ray.core.errors import CorruptRecord
from w2s_ray.core.record import SCHEMA, File, Record

RECORD = Record(
    key="split/review-s0-0123456789ab",
    identity="0123456789ab" + "0" * 52,
    attempt="attempt-1",
    files={"a.parquet": File(sha256="a" * 64, num_bytes=10), "m/ß 🙂": File(sha256="b" * 64, num_bytes=0)},
    inputs={"split": {"key": "k", "files": {"a": "b"}}},
    metrics={"accuracy": 0.1 + 0.2, "tiny": 5e-324, "steps": 3},
    facts={"conflicts": 2, "words": ["ja", "nein"], "none": None},
    layout={"device": "cpu", "threads": 1},
    provenance={"commit": None},
    seconds=1.25,
    finished="2025-01-01T00:00:00+00:00",
)  # fmt: skip


def forged(**changes) -> str:
    """The record's JSON with changes whose checksum somebody has put right."""
    return replace(RECORD, **changes).to_json()


def test_a_record_comes_back_as_it_was_written():
    assert Record.from_json(RECORD.to_json(), place="here") == RECORD
    assert Record.from_json(RECORD.to_json().encode(), place="here") == RECORD


def test_it_is_read_whatever_the_layout_of_its_json():
    compact = json.dumps(json.loads(RECORD.to_json()))
    assert Record.from_json(compact, place="here") == RECORD


@pytest.mark.parametrize("schema", [SCHEMA - 1, SCHEMA + 1, "1", None])
def test_another_schema_is_refused_and_named(schema):
    with pytest.raises(CorruptRecord, match=f"here: schema {schema}, this version reads {SCHEMA}"):
        Record.from_json(forged(schema=schema), place="here")


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "3", '"x"', "{}", '{"schema": 1}', b"\xff\xfe", "[" * 100_000, "\0" * 100],
    ids=lambda text: repr(text[:12]),
)
def test_what_is_no_record_is_refused_with_its_place(text):
    with pytest.raises(CorruptRecord, match="here: "):
        Record.from_json(text, place="here")


@pytest.mark.parametrize("name", [name for name in json.loads(RECORD.to_json()) if name != "schema"])
def test_a_record_without_one_of_its_fields_is_refused(name):
    data = json.loads(RECORD.to_json())
    del data[name]
    with pytest.raises(CorruptRecord, match="here: "):
        Record.from_json(json.dumps(data), place="here")


def test_a_field_of_a_stranger_is_refused():
    data = json.loads(RECORD.to_json()) | {"extra": 1}
    with pytest.raises(CorruptRecord):
        Record.from_json(json.dumps(data), place="here")


def test_no_flipped_bit_of_a_record_changes_what_it_says():
    """Its metrics are read without opening a file, so no other digest would notice."""
    good, flips = RECORD.to_json().encode(), random.Random(0)
    for _ in range(1000):
        bad = bytearray(good)
        bad[flips.randrange(len(bad))] ^= 1 << flips.randrange(8)
        try:
            assert Record.from_json(bytes(bad), place="here") == RECORD  # a space became another space
        except CorruptRecord:
            continue


@pytest.mark.parametrize("path", ["../x", "/abs", "a/../../x", "a//b", "", ".", "a\0", "..\\x"])
def test_a_record_cannot_name_what_is_not_below_its_folder(path):
    with pytest.raises(CorruptRecord, match="not below its folder"):
        Record.from_json(forged(files={path: File(sha256="a" * 64, num_bytes=1)}), place="here")
    with pytest.raises(CorruptRecord, match="not below its folder"):
        Record.from_json(forged(attempt=path), place="here")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), {1}])
def test_what_json_cannot_say_is_never_written(value):
    with pytest.raises((ValueError, TypeError)):
        forged(metrics={"accuracy": value})
