"""Files of torch.save: of any age and packing, and code that is named and never run."""

import argparse
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from fernn.files.weights import WeightsError, weights_in
from tests.fernn.files.saved import WEIGHTS, again, assert_is_network, saved


def test_what_stands_beside_weights_is_passed_over_and_never_run(tmp_path):
    beside = {
        "args": argparse.Namespace(out=Path("x")), "best": np.float64(0.5), "curve": np.arange(3), "rng": {1, 2},
    }  # fmt: skip
    allowed = set(torch.serialization.get_safe_globals())
    for is_new in (True, False):
        torch.save({"model": WEIGHTS, **beside}, tmp_path / "w.pth", _use_new_zipfile_serialization=is_new)
        assert_is_network(weights_in(tmp_path / "w.pth").weights)
    assert set(torch.serialization.get_safe_globals()) == allowed


class Code:
    def __init__(self, witness):
        self.witness = witness

    def __reduce__(self):
        return os.mkdir, (str(self.witness),)


@pytest.mark.parametrize("is_new", [True, False])
def test_code_is_named_and_never_run(tmp_path, is_new):
    content = {"state_dict": WEIGHTS, "x": Code(tmp_path / "ran"), "y": nn.Linear(2, 2)}
    path = tmp_path / "w.pth"
    torch.save(content, path, _use_new_zipfile_serialization=is_new)
    with pytest.raises(WeightsError) as refusal:
        weights_in(path)
    assert "it needs pickled code, which is never run (posix.mkdir); where that code is" in str(refusal.value)
    assert "\n" not in str(refusal.value) and "weights_only" not in str(refusal.value)
    assert not (tmp_path / "ran").exists()


def test_another_pickle_protocol_is_named(tmp_path):
    for content in (WEIGHTS, {"state_dict": WEIGHTS, "x": Code(tmp_path / "ran")}):
        torch.save(content, tmp_path / "w.pth", pickle_protocol=4)
        with pytest.raises(WeightsError, match="its pickle protocol is not torch.save's own"):
            weights_in(tmp_path / "w.pth")
    assert not (tmp_path / "ran").exists()


def on_cuda(part):
    return part.replace(b"X\x03\0\0\0cpu", b"X\x06\0\0\0cuda:0")


def test_files_of_any_age_machine_and_packing_are_read(tmp_path):
    contents = [
        saved(), saved(_use_new_zipfile_serialization=False), again(saved(), change=on_cuda),
        again(saved(), zipfile.ZIP_DEFLATED),
    ]  # fmt: skip
    assert b"cuda:0" in contents[2]
    for content in contents:
        (tmp_path / "w.bin").write_bytes(content)
        assert_is_network(weights_in(tmp_path / "w.bin").weights)
    for name in ("w.safetensors", "w.pth"):
        save_file(WEIGHTS, tmp_path / name)
        assert_is_network(weights_in(tmp_path / name).weights)
