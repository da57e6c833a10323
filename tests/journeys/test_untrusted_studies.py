"""Study folders that somebody has tampered with: our own error or a right answer, and nothing outside is touched."""

import builtins
import hashlib
import json
import os
import pickle
import re
import shutil
import sys
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from ray.data._internal.object_extensions.arrow import ArrowPythonObjectArray

import tune
from data.errors import DataError
from data.files import sealed
from fernn.files.checkpoint import CheckpointError, pack, unpack
from fernn.models import UnnamedModelError, model_config
from tests.support.mutations import JSON, bounded_memory, mutations, tried
from tests.support.stored_study import finished_study
from tune import rerun
from tune.commands.evaluate import main as evaluate
from tune.core.cell_folder import BEST, DONE, METRICS, PREDICTIONS, CellFolder
from tune.core.clips import find_data
from tune.core.driver import driver_lock
from tune.core.folder import TEMPORARY, DamagedError, Folder, LeadsOutError, sealed_line
from tune.core.given_weights import initial_weights
from tune.core.protocol import find_study, load_study
from tune.core.study import USER_ERRORS, StudyError, key_of
from tune.measures.registry import MEASURES
from tune.report import Options as ReportOptions
from tune.report import main as report
from tune.report import markdown
from tune.reporting.table import Table

SPACE = {"model": ("grnn",), "optim.lr": (1e-3,), "seed": (0,)}


@pytest.fixture
def study(tmp_path):
    return finished_study(tmp_path / "s", SPACE, {("grnn", 1e-3, 0): (5, 4)})


def test_a_checkpoint_is_read_whole_or_refused():
    tensors = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.tensor([1], dtype=torch.int64)}
    whole = pack(tensors, {"epoch": 3})

    @tried(2000)
    @given(mutations([whole]))
    def check(content):
        with suppress(CheckpointError):
            found, facts = unpack(content)
            assert facts == {"epoch": 3} and all(torch.equal(found[name], tensors[name]) for name in tensors)

    with bounded_memory():
        check()
    with pytest.raises(CheckpointError):
        unpack((2**60).to_bytes(8, "little") + whole[8:])
    with pytest.raises(CheckpointError):
        unpack(pickle.dumps(tensors))


def test_metrics_are_read_as_written_or_refused(tmp_path):
    folder = Folder(str(tmp_path))
    lines = [sealed_line({"epoch": n, "validation/accuracy": n / 7, "time/recorded_at": 1e9 + n}) for n in range(1, 5)]

    @tried(1000)
    @given(mutations(["".join(lines).encode()]))
    def check(content):
        folder.write(METRICS, content)
        with suppress(DamagedError):
            assert all(sealed_line(row) in lines for row in CellFolder(folder).history())

    check()
    folder.write(METRICS, b"[" * 100_000)
    with pytest.raises(DamagedError):
        CellFolder(folder).history()


@pytest.mark.parametrize("name", ["study.json", "config.json", DONE, METRICS, PREDICTIONS])
def test_a_study_with_a_file_that_was_tampered_with_is_reported_or_refused(study, name):
    cell = study.cell_folder(study.cells[0]).folder
    home = study.folder if name == "study.json" else cell
    whole, right = home.read(name), markdown(Table.of(study))

    @tried(200 if name == "study.json" else 80)
    @given(mutations([whole]))
    def check(content):
        home.write(name, content)
        with suppress(*USER_ERRORS):
            found = load_study(study.folder)
            said = markdown(Table.of(found))
            if name not in ("study.json", "config.json"):
                assert said == right

    check()


def result_of(name):
    """Reads what a measure keeps in a cell's folder."""
    return lambda folder: MEASURES[name].file_of(folder).read()


SUBJECT = {"key": "k", "weights_sha256": "w", "radius": 2, "horizon": 3}
SEALED = {
    "attempt.json": ({"id": "i", "host": "h", "pid": 1, "started": 2.5}, CellFolder.attempt),
    "failure.json": ({"reason": "the loss is nan", "diverged": True}, CellFolder.failure),
    "stopped.json": ({"reason": "halved"}, CellFolder.stopped),
    "codes.json": ({"entries": [{"first_epoch": 1, "code": "c"}]}, CellFolder.codes),
    "machines.json": ({"entries": [{"host": "h", "threads": 1}]}, CellFolder.machines),
    "velocity.json": ({"subject": SUBJECT, "grid": {"accuracy": [[0.5]]}}, result_of("velocity")),
    "length.json": ({"subject": SUBJECT, "mean": [0.1, 0.2], "deviation": [0.1, 0.3]}, result_of("length")),
    "quality/usual.json": ({"subject": SUBJECT, "frames": {"0": {}}}, result_of("quality")),
}
"""By name of a cell's file: what stands in it, and who reads it."""


@pytest.mark.parametrize("name", SEALED)
def test_a_flipped_byte_in_a_cell_is_noticed_and_the_file_named(study, name):
    facts, read = SEALED[name]
    cell = study.cell_folder(study.cells[0])
    cell.folder.write_json(name, facts)  # without a checksum, as earlier versions wrote it
    right = read(cell) if "entries" not in facts else facts["entries"]
    cell.folder.write_sealed(name, facts)
    assert right is not None and read(cell) == right
    whole, num_noticed = cell.folder.read(name), 0
    for place in range(len(whole)):
        content = whole[:place] + bytes([whole[place] ^ 1 << place % 7]) + whole[place + 1 :]
        cell.folder.write(name, content)
        try:
            found = read(cell)
        except DamagedError as error:
            num_noticed += 1
            assert str(error).startswith(f"{cell.folder.root}/{name}: ") and "; delete " in str(error)
            assert len(str(error).splitlines()) == 1
        else:  # in white space, or in the checksum's own name, which leaves the facts as they were
            assert found == right or (b'"crc32"' not in content and right.items() <= found.items())
    assert num_noticed > len(whole) / 2


@pytest.mark.parametrize("name", ["codes.json", "machines.json"])
def test_a_list_of_an_earlier_version_is_read(study, name):
    facts, read = SEALED[name]
    cell = study.cell_folder(study.cells[0])
    cell.folder.write_json(name, facts["entries"])
    assert read(cell) == facts["entries"]


@pytest.mark.parametrize("name", ["study.json", "config.json"])
def test_whatever_stands_in_a_field_the_study_is_read_or_refused(study, canaries, name):
    home = study.folder if name == "study.json" else study.cell_folder(study.cells[0]).folder
    whole = home.read_json(name)

    @tried(400)
    @given(st.sampled_from([*whole, None]), JSON)
    def check(field, value):
        home.write_json(name, value if field is None else {**whole, field: value})
        with suppress(StudyError):
            assert all(type(cell.experiment.epochs) is int for cell in load_study(study.folder).cells)

    check()


@pytest.fixture
def canaries(tmp_path, monkeypatch):
    """Modules in the working folder, in the storage, in a study's folder and on Python's path, none of them run."""
    marker, path = tmp_path / "ran", tmp_path / "path"
    for folder in (tmp_path, tmp_path / "s", tmp_path / "s/cells", path):
        folder.mkdir(exist_ok=True)
        (folder / "canary.py").write_text(f"open({str(marker)!r}, 'a').close()")
    (path / "onpath.py").write_text(f"open({str(marker)!r}, 'a').close()")
    monkeypatch.syspath_prepend(path)
    monkeypatch.chdir(tmp_path)
    yield
    assert not marker.exists() and not {"canary", "onpath"} & set(sys.modules)


def planted(study, name, **fields):
    """The study with one cell more: the config of its first, with another model's name, under the key that it has."""
    first = study.cell_folder(study.cells[0]).folder
    config = first.read_json("config.json")
    config["experiment"] |= {"model.name": name, **fields}
    label = name.rpartition(":")[2]
    copy = Path(study.folder.root) / f"cells/{label}_lr0.001_seed0_{key_of(config)}"
    shutil.copytree(first.root, copy)
    (copy / "config.json").write_text(json.dumps(config))
    facts = study.folder.read_json("study.json")
    facts["space"]["model"].append(name)
    study.folder.write_json("study.json", facts)
    return load_study(study.folder)


@pytest.mark.parametrize("name", ["canary:X", "s.canary:X", "s.cells.canary:X", "onpath:X", "antigravity:X"])
def test_a_model_that_only_a_file_names_is_shown_and_never_imported(study, canaries, manage, tmp_path, name, capsys):
    planted(study, name)
    for words in (("show", "s"), ("list",), ("compare", "s", str(tmp_path / "s")), ("export", "s", "--out", "out")):
        code, out, err = manage(*words)
        assert code == (2 if words[0] == "compare" else 0), err
    _, out, _ = manage("show", "s")
    assert re.search(r"X +│ +1,234 +│ +0.001 ", out) and f"named, as in --models {name}" in out
    assert report(ReportOptions("s", str(tmp_path))) == 0 and "| X | 1,234 |" in capsys.readouterr().out
    with pytest.raises(UnnamedModelError, match=f"--models {name}"):
        tune.load_best("s", name, storage=str(tmp_path))


@pytest.mark.parametrize("name", ["s.canary:X", "canary:X"])
def test_the_commands_that_need_a_network_say_how_to_name_it(study, canaries, tmp_path, name, monkeypatch, capsys):
    found = planted(study, name)
    key = next(cell.key for cell in found.cells if cell.experiment.model.name == name)
    for main, words in ((rerun.main, ("--cell", key)), (partial(evaluate, "velocity"), ("--models", name))):
        monkeypatch.setattr("sys.argv", ["x", "--study", "s", "--storage", str(tmp_path), *words])
        assert main() == 2
        said = capsys.readouterr().err
        assert f"--models {name}" in said if main is rerun.main else "cannot be imported" in said


@pytest.mark.parametrize("name", ["canary:../../x", "x:", ":X", "a b:X", "x:y:Z", "./x:Y"])
def test_a_name_that_is_no_models_is_refused(study, canaries, name):
    with pytest.raises(StudyError, match="package.module:ConfigClass"):
        planted(study, name.replace("/", "\u2215")) if "/" not in name else _config_with(study, name)


def _config_with(study, name):
    """A cell whose folder's name cannot have the model's in it."""
    home = study.cell_folder(study.cells[0]).folder
    config = home.read_json("config.json")
    config["experiment"]["model.name"] = name
    home.write_json("config.json", config)
    Path(home.root).rename(Path(home.root).parent / f"x_{key_of(config)}")
    load_study(study.folder)


def test_no_link_leads_out_of_a_study(study, tmp_path, manage):
    secret = tmp_path / "elsewhere"
    secret.mkdir()
    (secret / "file").write_text("secret")
    home = study.cell_folder(study.cells[0]).folder
    for name in (BEST, "config.json", PREDICTIONS):
        (kept := Path(home.root) / name).rename(tmp_path / "kept")
        kept.symlink_to(secret / "file")
        for touch in (home.read, home.size, home.delete, lambda path: home.write(f"{path}/x", b"")):
            with pytest.raises(LeadsOutError):
                touch(name)
        assert manage("show", "s")[0] in (0, 2) and (secret / "file").read_text() == "secret"
        kept.unlink()
        (tmp_path / "kept").rename(kept)
    (tmp_path / "s/cells/linked").symlink_to(secret)
    with pytest.raises(LeadsOutError):
        (study.folder / "cells/linked").write("x", b"")
    with pytest.raises(LeadsOutError):
        (study.folder / "cells/linked").sweep()
    (tmp_path / "s/driver.lock").unlink(missing_ok=True)
    (tmp_path / "s/driver.lock").symlink_to(secret / "file")
    with pytest.raises(OSError), driver_lock(study.folder):
        pass
    assert [path.name for path in secret.iterdir()] == ["file"] and (secret / "file").read_text() == "secret"


def test_a_device_in_a_files_place_is_refused_at_once(study, tmp_path):
    home = study.cell_folder(study.cells[0]).folder
    (Path(home.root) / DONE).unlink()
    os.mkfifo(Path(home.root) / DONE)
    with pytest.raises(LeadsOutError, match="must be a file"):
        study.cell_folder(study.cells[0]).done()


def test_no_link_is_followed_to_count_or_to_sweep(study, tmp_path, manage):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / f"x{TEMPORARY}1").write_bytes(bytes(10_000_000))
    before = study.folder.num_bytes()
    (tmp_path / "s/extra").symlink_to(outside)
    study.folder.sweep()
    assert study.folder.num_bytes() < before + 1000 and len(list(outside.iterdir())) == 1


def test_a_pipe_in_the_locks_place_hangs_nobody(study, tmp_path, manage):
    (tmp_path / "s/driver.lock").unlink(missing_ok=True)
    os.mkfifo(tmp_path / "s/driver.lock")
    code, _, err = manage("show", "s")
    assert code == 2 and "driver.lock must be a file" in err
    with pytest.raises(OSError), driver_lock(study.folder):
        pass


def test_a_study_that_a_link_in_the_storage_leads_to_is_read(study, tmp_path):
    (tmp_path / "storage").mkdir()
    (tmp_path / "storage/s").symlink_to(tmp_path / "s")
    assert len(find_study("s", str(tmp_path / "storage")).cells) == 1


def test_predictions_of_python_objects_are_never_unpickled(study, canaries):
    """Ray Data registers a column type whose values are pickles: a Parquet file may name it."""

    class Payload:
        def __reduce__(self):
            return open, ("ran", "a")

    folder = study.cell_folder(study.cells[0])
    table = folder.predictions().append_column("more", ArrowPythonObjectArray.from_objects([Payload()] * 20))
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    content = sink.getvalue().to_pybytes()
    folder.folder.write(PREDICTIONS, content)
    done = folder.done().facts()
    folder.folder.write_json(DONE, sealed({**done, "predictions_sha256": hashlib.sha256(content).hexdigest()}))
    with pytest.raises(DataError, match="column 'more' holds ray.data.arrow_pickled_object"):
        markdown(Table.of(load_study(study.folder)))


def test_what_is_no_parquet_is_refused_in_our_words(study, monkeypatch):
    folder = study.cell_folder(study.cells[0])
    content = b"PAR1 and no more"
    folder.folder.write(PREDICTIONS, content)
    done = folder.done().facts()
    folder.folder.write_json(DONE, sealed({**done, "predictions_sha256": hashlib.sha256(content).hexdigest()}))
    with pytest.raises(DataError, match="predictions.parquet cannot be read as Parquet"):
        folder.predictions()
    monkeypatch.setenv("RAY_DATA_AUTOLOAD_CLOUDPICKLE_TENSOR_METADATA", "1")
    with pytest.raises(DataError, match="could run what is in it: unset it"):
        folder.predictions()


@pytest.mark.parametrize("address", ["s3://a:b@bucket/x", "s3://bucket/x?endpoint_override=127.0.0.1:1", "http://x/y"])
def test_no_address_in_a_file_chooses_a_server_or_a_login(study, address):
    study.folder.write_json("study.json", study.folder.read_json("study.json") | {"data": address})
    found = load_study(study.folder)
    with pytest.raises((StudyError, DataError), match="say where it is with --data|data must be in a folder"):
        find_data(found, found.cells[0].experiment.data, "hash", None)


def test_no_name_of_weights_leads_out_of_the_study(study, tmp_path):
    (tmp_path / "x.safetensors").write_bytes(b"")
    model = replace(model_config("e3d-lstm", "moving-mnist"), initial_weights="../../x")
    with pytest.raises(StudyError, match="lacks the weights"):
        initial_weights(study.folder, model)


def test_no_folder_leads_to_pickle_or_to_code(study, monkeypatch):
    """A config that names a module of the standard library brings in no code and no file elsewhere."""
    home = study.cell_folder(study.cells[0]).folder
    whole, imported, real = home.read_json("config.json"), [], builtins.__import__

    def watched(name, *rest):
        imported.append(name)
        return real(name, *rest)

    for model in ("antigravity:Config", "../../x", "os:../../x", "pickle:loads", "grnn/../../x"):
        whole["experiment"]["model.name"] = model
        home.write_json("config.json", whole)
        monkeypatch.setattr(builtins, "__import__", watched)
        with pytest.raises(StudyError):
            load_study(study.folder)
        monkeypatch.undo()
    assert "antigravity" not in imported


@pytest.mark.parametrize("name", ["../x", "a/b", "..", ".", "", "/etc", "a\0b"])
def test_no_name_of_a_study_leads_out_of_the_storage(command, name, tmp_path):
    before = {path for path in tmp_path.rglob("*")}
    code, (_, err) = command("--study", name, "--plan")
    assert code == 2 and "--study must be a plain name" in err
    assert {path for path in tmp_path.rglob("*")} == before
