"""Looking is not touching: a plan reads a store and changes nothing in it."""

from __future__ import annotations

from pathlib import Path

from w2s_ray.store import Store


def test_a_record_that_cannot_be_understood_is_left_where_it_is_by_a_mere_look(tmp_path: Path) -> None:
    record = tmp_path / "split" / "review-s0-0123456789ab" / "record.json"
    record.parent.mkdir(parents=True)
    record.write_text("not a record")
    store = Store(tmp_path)
    assert store.find_all(["split/review-s0-0123456789ab"], look_only=True) == {}
    assert record.read_text() == "not a record"
    assert store.find_all(["split/review-s0-0123456789ab"]) == {}
    assert not record.exists()
