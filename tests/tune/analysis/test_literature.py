"""Published tables: every row fills its header, and says where it is from."""

import pytest

from tune.analysis.literature import published_results, published_table

TABLES = [published_table(data) for data in ("kth-video", "moving-mnist", "ocean", "convection", "controlled-pendulum")]
SYSTEMS = [published_table(data) for data in ("ideal-pendulum", "ideal-spring", "real-pendulum")]


@pytest.mark.parametrize("table", [*TABLES, *SYSTEMS])
def test_every_row_fills_the_header(table):
    assert table.rows and all(len(row) == len(table.header) for row in table.rows)
    assert table.remarks and len({row[0] for row in table.rows}) == len(table.rows)


def test_videos_name_a_source_and_stand_beside_real_data_only():
    kth, moving = TABLES[:2]
    assert kth.needs_real_data and moving.needs_real_data
    assert all(row[-2] and row[-1] in ("first-hand", "second-hand") for row in (*kth.rows, *moving.rows))
    assert list(kth.rows[5][:4]) == ["E3D-LSTM", None, 29.31, 0.879]


def test_the_ocean_table_begins_with_the_results_that_stand_beside_ours():
    results = published_results("ocean")
    assert list(TABLES[2].rows[0]) == ["resnet", "0.82 ± 0.02", "1.09 ± 0.13", "1.42 ± 0.02", "1.23 ± 0.14"]
    assert [tuple(row[:2]) for row in TABLES[2].rows] == [
        (model, f"{value.mean:.2f} ± {value.deviation:.2f}") for model, value in results.items()
    ]


@pytest.mark.parametrize("data", ["kth", "translating-mnist", "rotating-mnist", "ocean"])
def test_every_result_has_its_paper_its_table_and_how_it_was_read(data):
    for value in published_results(data).values():
        assert value.certainty.partition(":")[0] in ("first-hand", "second-hand", "uncertain")
        assert ("quoted by" in value.source) == (value.certainty != "first-hand") and "2" in value.source


def test_every_number_of_a_small_system_names_its_table_and_the_filmed_ones_stand_beside_real_data_only():
    assert [table.needs_real_data for table in SYSTEMS] == [False, False, True]
    assert all(row[-2] and row[-1] == "first-hand" for table in SYSTEMS for row in table.rows)
    assert SYSTEMS[0].rows[1][:2] == ["Noether Network, p² − 2.99 cos q", "0.0423"]
