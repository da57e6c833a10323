import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
import ray.data

from data.kth.schema import SCHEMA, content_hash
from data.preparing.frames import clip_table, fingerprint, frames_of

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


def test_the_content_hash_covers_data_set_size_order_and_every_clip():
    changes = ({"id": "x"}, {"label": 1}, {"first": 0}, {"last": 99}, {"num_frames": 99}, {"sha256": "x"})
    changed = [content_hash("kth", 32, [ROWS[0] | change, *ROWS[1:]]) for change in changes]
    others = [
        content_hash("kth-demo", 32, ROWS),
        content_hash("kth", 64, ROWS),
        content_hash("kth", 32, ROWS[::-1]),
    ]
    assert len({content_hash("kth", 32, ROWS), *changed, *others}) == 1 + len(changed) + len(others)


def test_the_content_hash_is_the_same_on_every_machine():
    expected = "e5c0fbd58a90a3b63f79ebb9c28e08a2356dcaef2ea5b7768c7e3bbaba55c36e"
    assert content_hash("kth", 32, [ROWS[0] | {"sha256": "0" * 64}]) == expected
