"""Clips in Parquet come back as they were written, through every reader."""

import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
import ray.data

from data.kth.schema import SCHEMA
from data.preparing.frames import clip_table, fingerprint, frames_of, write_clips
from data.preparing.parquet import read_table

READ_WITHOUT_RAY = """
import sys
import pyarrow.parquet as pq
frames = pq.read_table(sys.argv[1])["frames"].chunk(0)
assert "ray" not in sys.modules
print([shape for shape in frames.field("shape").to_pylist()], sum(frames.field("data").flatten().to_pylist()))
"""


def row(index, num_frames):
    frames = np.random.default_rng(index).integers(0, 256, (num_frames, 4, 5), dtype=np.uint8)
    place = {"first": 3, "last": 3 + num_frames - 2, "num_frames": 100, "scenario": 1, "action": "walking"}
    return {"id": f"clip-{index}", "person": index, "label": 0, "frames": frames, "sha256": fingerprint(frames)} | place


ROWS = [row(0, 3), row(1, 7), row(2, 1)]


@pytest.fixture
def path(tmp_path):
    pq.write_table(clip_table(SCHEMA, ROWS), tmp_path / "clips.parquet")
    return tmp_path / "clips.parquet"


def test_clips_come_back_through_pyarrow(path):
    table = pq.read_table(path)
    assert table.schema.equals(SCHEMA)
    for frames, expected in zip(frames_of(table["frames"]), ROWS, strict=True):
        np.testing.assert_array_equal(frames, expected["frames"])
    assert table["id"].to_pylist() == ["clip-0", "clip-1", "clip-2"]


def test_a_slice_of_a_table_keeps_its_own_frames(path):
    frames = frames_of(pq.read_table(path)["frames"].slice(1, 1))
    np.testing.assert_array_equal(frames[0], ROWS[1]["frames"])


def test_clips_come_back_through_plain_pyarrow(path):
    done = subprocess.run(
        [sys.executable, "-c", READ_WITHOUT_RAY, str(path)], capture_output=True, text=True, check=True
    )
    total = sum(int(row["frames"].sum()) for row in ROWS)
    assert done.stdout == f"[[3, 4, 5], [7, 4, 5], [1, 4, 5]] {total}\n"


def test_frames_are_read_without_the_tensor_type(path):
    column = pq.read_table(path)["frames"]
    storage = column.cast(SCHEMA.field("frames").type.storage_type)
    np.testing.assert_array_equal(frames_of(storage)[1], ROWS[1]["frames"])


def test_clips_come_back_through_ray_data(path, two_cpus):
    rows = {row["id"]: row for row in ray.data.read_parquet(str(path)).iter_rows()}
    for expected in ROWS:
        np.testing.assert_array_equal(rows[expected["id"]]["frames"], expected["frames"])
        assert rows[expected["id"]]["frames"].dtype == np.uint8


def test_files_hold_the_clips_in_order(tmp_path):
    files, summary = write_clips(tmp_path, SCHEMA, iter(ROWS), 2)
    assert [(file.name, file.rows) for file in files] == [("clips-00000.parquet", 2), ("clips-00001.parquet", 1)]
    table = read_table([tmp_path / file.name for file in files])
    assert table["id"].to_pylist() == ["clip-0", "clip-1", "clip-2"] == [row["id"] for row in summary]
    for ours, row in zip(frames_of(table["frames"]), ROWS, strict=True):
        np.testing.assert_array_equal(ours, row["frames"])
    assert "frames" not in summary[0]
