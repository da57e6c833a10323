"""The file of a measurement: sealed, of one subject, with its tensors beside it."""

import pytest
import torch

from tune.core.cell_folder import CellFolder
from tune.core.folder import DamagedError, Folder
from tune.measures.result_file import ResultFile

SUBJECT = {"key": "k", "horizon": 3}


@pytest.fixture
def file(tmp_path):
    return ResultFile(CellFolder(Folder(str(tmp_path))), "length.json", "length_eval.py", ("mean",))


def test_a_result_and_its_tensors_are_read_where_they_are_of_the_subject(file):
    assert file.read() is None and file.tensors_of(SUBJECT) == {}
    file.write({"subject": SUBJECT, "mean": [0.5]}, {"clips": torch.ones(2)})
    assert file.read_of(SUBJECT) == {"subject": SUBJECT, "mean": [0.5]}
    assert torch.equal(file.tensors_of(SUBJECT)["clips"], torch.ones(2))
    other = SUBJECT | {"horizon": 4}
    assert file.read_of(other) is None and file.tensors_of(other) == {}


def test_a_result_without_tensors_leaves_none(file):
    file.write({"subject": SUBJECT, "mean": [0.5]})
    assert file.folder.folder.children("") == ["length.json"]


def test_a_file_that_lacks_a_needed_field_is_damaged_and_the_command_measures_again(file):
    file.write({"subject": SUBJECT})
    with pytest.raises(DamagedError, match=r"delete length.json, and python tune/length_eval.py measures it again"):
        file.read()
