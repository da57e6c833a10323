"""Tables of scores: velocity fields by test set, videos by score and by frame."""

from types import SimpleNamespace

import numpy as np
import pytest

from tune.reporting.system_tables import frames_table, scores_table, shifts_table

CURVES = {"m": {"mse": np.array([[1.0, 3.0], [3.0, 5.0]]), "psnr": np.full((2, 2), 20.0), "ssim": np.full((2, 2), 0.5)}}


def fields(*values):
    return [SimpleNamespace(metrics=lambda value=value: {"rmse": value, "rot_rmse": 2 * value}) for value in values]


def test_fields_have_a_column_for_each_test_set_that_was_measured():
    table = shifts_table({"one": fields(0.5), "two": fields(1.0, 3.0)}, "rmse")
    assert table.header == ("model", "later in time", "rotation")
    assert [tuple(row) for row in table.rows] == [("one", "0.5", "1"), ("two", "2 ± 1.4", "4 ± 2.8")]
    assert (table.name, table.title) == ("rmse", "Test RMSE, as it is and shifted")


def test_scores_are_means_over_frames_with_the_deviation_over_seeds():
    (row,) = scores_table(CURVES).rows
    assert row[:3] == ["m", 2, 3.0] and row[3] == pytest.approx(2**0.5) and row[4:] == [20.0, 0.0, 0.5, 0.0]


def test_frames_have_a_row_for_each_score():
    table = frames_table(CURVES)
    assert table.header == ("model", "score", "frame 1", "frame 2") and len(table.rows) == 3
    assert table.rows[0] == ("m", "MSE, summed over pixels", 2.0, 4.0)
