"""The predictions file: order, join, bytes."""

import numpy as np
import pytest

from w2s_ray.core.errors import DataError
from w2s_ray.stages.predictions import FILE, Predictions, read_predictions, write_predictions


@pytest.fixture
def predictions():
    p_NC = np.arange(12, dtype=np.float32).reshape(4, 3) / 12
    return Predictions(ids=("d", "a", "c", "b"), splits=("test", "test", "select", "test"), p_NC=p_NC)


def test_rows_are_kept_by_split_and_id(predictions, tmp_path):
    write_predictions(tmp_path, predictions)
    read = read_predictions(tmp_path)
    assert read.ids == ("c", "a", "b", "d") and read.splits == ("select", "test", "test", "test")
    assert np.array_equal(read.p_NC, predictions.p_NC[[2, 1, 3, 0]])
    assert read.where("test").ids == ("a", "b", "d")


def test_equal_predictions_give_equal_bytes_in_any_order(predictions, tmp_path):
    order = [3, 1, 0, 2]
    moved = Predictions(
        ids=tuple(predictions.ids[row] for row in order),
        splits=tuple(predictions.splits[row] for row in order),
        p_NC=predictions.p_NC[order],
    )
    files = []
    for name, one in (("a", predictions), ("b", moved)):
        (tmp_path / name).mkdir()
        write_predictions(tmp_path / name, one)
        files.append((tmp_path / name / FILE).read_bytes())
    assert files[0] == files[1]


def test_a_join_is_by_id_and_a_missing_one_is_named(predictions):
    assert np.array_equal(predictions.by_id(["b", "d"]).p_NC, predictions.p_NC[[3, 0]])
    with pytest.raises(DataError, match="no prediction for 1 of 2 examples, 'z' first"):
        predictions.by_id(["a", "z"])
