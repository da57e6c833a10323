"""Study folders that somebody has tampered with: our own error or a right answer, and nothing outside is touched."""

import builtins
import pickle
from contextlib import suppress

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mutations import JSON, bounded_memory, mutations, tried
from stored_study import finished_study

from fernn.checkpoint import CheckpointError, pack, unpack
from tune.claims import load_study
from tune.command import USER_ERRORS
from tune.folder import Folder
from tune.length import measured_horizon
from tune.quality import measured_by
from tune.report import markdown
from tune.sealing import write_sealed
from tune.store import DONE, METRICS, PREDICTIONS, CellFolder, DamagedError, sealed_line
from tune.study import StudyError
from tune.table import Table
from tune.velocity import measured_radius

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


SUBJECT = {"key": "k", "weights_sha256": "w", "radius": 2, "horizon": 3}
SEALED = {
    "attempt.json": ({"id": "i", "host": "h", "pid": 1, "started": 2.5}, CellFolder.attempt),
    "failure.json": ({"reason": "the loss is nan", "diverged": True}, CellFolder.failure),
    "stopped.json": ({"reason": "halved"}, CellFolder.stopped),
    "codes.json": ({"entries": [{"first_epoch": 1, "code": "c"}]}, CellFolder.codes),
    "machines.json": ({"entries": [{"host": "h", "threads": 1}]}, CellFolder.machines),
    "velocity.json": ({"subject": SUBJECT, "grid": {"accuracy": [[0.5]]}}, measured_radius),
    "length.json": ({"subject": SUBJECT, "mean": [0.1, 0.2], "deviation": [0.1, 0.3]}, measured_horizon),
    "quality/usual.json": ({"subject": SUBJECT, "frames": {"0": {}}}, lambda folder: measured_by(folder, "usual")),
}
"""By name of a cell's file: what stands in it, and who reads it."""


@pytest.mark.parametrize("name", SEALED)
def test_a_flipped_byte_in_a_cell_is_noticed_and_the_file_named(study, name):
    facts, read = SEALED[name]
    cell = study.cell_folder(study.cells[0])
    cell.folder.write_json(name, facts)  # without a checksum, as earlier versions wrote it
    right = read(cell) if "entries" not in facts else facts["entries"]
    write_sealed(cell.folder, name, facts)
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
def test_whatever_stands_in_a_field_the_study_is_read_or_refused(study, name):
    home = study.folder if name == "study.json" else study.cell_folder(study.cells[0]).folder
    whole = home.read_json(name)

    @tried(400)
    @given(st.sampled_from([*whole, None]), JSON)
    def check(field, value):
        home.write_json(name, value if field is None else {**whole, field: value})
        with suppress(StudyError):
            assert all(type(cell.experiment.epochs) is int for cell in load_study(study.folder).cells)

    check()


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
