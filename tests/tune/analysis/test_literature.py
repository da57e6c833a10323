"""Published tables: every row fills its header, and says where it is from."""

import pytest

from tune.analysis.literature import CONVECTION_TABLE, KTH_VIDEO, MOVING_MNIST, OCEAN, OCEAN_TABLE


@pytest.mark.parametrize(
    "table", [KTH_VIDEO, MOVING_MNIST, OCEAN_TABLE, CONVECTION_TABLE], ids=lambda table: table.name
)
def test_every_row_fills_the_header(table):
    assert table.rows and all(len(row) == len(table.header) for row in table.rows)
    assert table.remarks and len({row[0] for row in table.rows}) == len(table.rows)


def test_videos_name_a_source_and_stand_beside_real_data_only():
    assert KTH_VIDEO.needs_real_data and MOVING_MNIST.needs_real_data
    assert all(row[-1] for row in (*KTH_VIDEO.rows, *MOVING_MNIST.rows))
    assert KTH_VIDEO.rows[5][:4] == ("E3D-LSTM", None, 29.31, 0.879)


def test_the_ocean_table_shows_mean_and_deviation():
    assert OCEAN_TABLE.rows[0] == ("resnet", "0.82 ± 0.02", "1.09 ± 0.13", "1.42 ± 0.02", "1.23 ± 0.14")
    assert [row[0] for row in OCEAN_TABLE.rows] == list(OCEAN)
