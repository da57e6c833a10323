"""``python tune/study.py export``: tidy tables, whole or not at all."""

import errno
import io
import json
import zipfile

import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from tests.support.stored_study import finished_study
from tune.core.folder import Folder
from tune.core.status import statuses
from tune.core.study import StudyError
from tune.reporting.export import NAMES, export, place

SPACE = {"model": ("grnn",), "data.velocity_range": (0, 1), "optim.lr": (1e-3,), "seed": (0, 1)}


@pytest.fixture
def study(tmp_path):
    """The cells of seed 0 are done, the others were only planned."""
    return finished_study(tmp_path / "s", SPACE, {("grnn", 1e-3, 0): (5, 4)}, demo=True)


def test_every_epoch_and_every_cell_is_a_row_in_both_forms(study, tmp_path):
    export(study, str(tmp_path / "out"), overwrite=False)
    assert sorted(Folder(str(tmp_path / "out")).children("")) == sorted(NAMES)
    metrics = pq.read_table(tmp_path / "out/metrics.parquet").to_pylist()
    assert [row["data.velocity_range"] for row in metrics] == [0, 1]
    place = {"study": "s", "marks": "DEMO", "model": "grnn", "lr": 1e-3, "seed": 0, "epoch": 1}
    assert metrics[0].items() >= (place | {"validation/accuracy": 0.5}).items()
    cells = pq.read_table(tmp_path / "out/cells.parquet").to_pylist()
    assert [cell["status"] for cell in cells] == ["done", "waiting", "done", "waiting"]
    assert (cells[0]["test/accuracy"], cells[1]["test/accuracy"], cells[0]["parameters"]) == (0.4, None, 1234)
    assert metrics[1]["cell"] == cells[2]["cell"] == study.cells[2].key
    for name in ("metrics", "cells"):
        of_csv = pa_csv.read_csv(
            tmp_path / f"out/{name}.csv", convert_options=pa_csv.ConvertOptions(strings_can_be_null=True)
        )
        assert of_csv.column_names == pq.read_table(tmp_path / f"out/{name}.parquet").column_names
        assert of_csv["seed"].to_pylist() == [row["seed"] for row in (metrics if name == "metrics" else cells)]
    assert json.loads((tmp_path / "out/study.json").read_text()) == study.folder.read_json("study.json")


def test_an_archive_has_the_same_files_and_always_the_same_bytes(study, manage, tmp_path):
    assert manage("export", "s", "--out", tmp_path / "a.zip")[0] == 0
    export(study, str(tmp_path / "b.zip"), overwrite=False)
    content = (tmp_path / "a.zip").read_bytes()
    assert content == (tmp_path / "b.zip").read_bytes()
    assert sorted(zipfile.ZipFile(io.BytesIO(content)).namelist()) == sorted(NAMES)


def test_what_is_there_is_replaced_only_where_that_is_asked_for(study, manage, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/cells.csv").write_text("mine")
    (tmp_path / "out/notes.txt").write_text("mine")
    code, _, err = manage("export", "s", "--out", tmp_path / "out")
    assert code == 2 and "must not hold cells.csv already" in err and "--overwrite" in err
    assert (tmp_path / "out/cells.csv").read_text() == "mine"
    code, out, _ = manage("export", "s", "--out", tmp_path / "out", "--overwrite", "--json")
    assert code == 0 and len(json.loads(out)["files"]) == len(NAMES)
    assert (tmp_path / "out/cells.csv").read_text() != "mine" and (tmp_path / "out/notes.txt").read_text() == "mine"


def test_a_failure_leaves_what_was_there(study, tmp_path, monkeypatch):
    export(study, str(tmp_path / "out"), overwrite=False)
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    write, written = Folder.write, []

    def full_after_two(folder, name, content):
        if len(written) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(name)
        write(folder, name, content)

    monkeypatch.setattr(Folder, "write", full_after_two)
    with pytest.raises(OSError, match="No space left"):
        export(study, str(tmp_path / "out"), overwrite=True)
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def test_a_damaged_cell_ends_the_export_before_anything_is_written(study, tmp_path):
    folder = study.cell_folder(study.cells[0]).folder
    folder.write("metrics.jsonl", b"{}\n")
    with pytest.raises(StudyError, match="damaged cannot be exported: .*metrics.jsonl"):
        export(study, str(tmp_path / "out"), overwrite=False)
    assert not (tmp_path / "out").exists()


def test_a_bucket_takes_an_export(study, bucket):
    export(study, f"{bucket}/out", overwrite=False)
    assert sorted(Folder(f"{bucket}/out").children("")) == sorted(NAMES)


def test_tuned_fields_have_columns(tuned):
    names = ("batch_size", "grnn.model.embedding_channels")
    placed = [place(tuned, state) for state in (statuses(tuned)[0], statuses(tuned)[-1])]
    assert [[values[name] for name in names] for values in placed] == [[4, (2,)], [8, None]]
