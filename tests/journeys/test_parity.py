"""Parity with the published code, of every golden file: ``tests/support/golden.py`` names the lines that made each."""

import importlib.util
import json
import sys
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path

import pytest
import torch

from tests.support import parity

SLOW = ("noether_video_float32", "noether_video_published_size", "dynamics_resnet_rot", "noether_switch_*")
QUICK = ("noether_switch_skip_every", "noether_switch_stop_gradient")


def is_slow(name):
    """Whether a file takes ten seconds or more: ``make parity`` and ``make soak`` have it."""
    return name not in QUICK and any(fnmatch(name, pattern) for pattern in SLOW)


FILES = [pytest.param(name, marks=pytest.mark.soak if is_slow(name) else ()) for name in parity.names()]


@pytest.mark.parametrize("name", FILES)
def test_ours_equals_the_published(name):
    rows = parity.rows_of(name)  # raises KeyError for a file of no kind
    assert bool(rows) == (parity.kind_of(name) is not None)
    assert not [row for row in rows if not row["difference"] <= row["tolerance"]]
    assert all(" @" in row["published"] for row in rows)


def test_a_file_of_no_kind_is_named():
    with pytest.raises(KeyError, match="tests/golden/oracle.safetensors is of no kind: give it a line in KINDS"):
        parity.kind_of("oracle")


def test_every_golden_file_is_compared_by_the_parity_table_or_by_a_test_that_reads_it(golden_folder):
    for pattern, path in parity.NO_NETWORK.items():
        text = (golden_folder.parent / path).read_text()
        assert "golden" in text and pattern.replace("*", "{name}") in text, path
    for kind in parity.KINDS:
        assert any(parity.kind_of(name) is kind for name in parity.names()), f"{kind.files} has no file"
    assert parity.NOT_PUBLISHED.keys() <= set(parity.uncovered())


@pytest.fixture
def command(monkeypatch):
    """``tests/benchmarks/parity.py``, of two golden files."""
    path = Path(__file__).parents[1] / "benchmarks/parity.py"
    monkeypatch.syspath_prepend(path.parent)
    spec = importlib.util.spec_from_file_location("parity_command", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "names", lambda: ["kth_grnn", "kth_flow"])
    return module


def test_the_command_names_every_network_with_or_without_a_golden_file(command, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["parity.py", "--json"])
    assert command.main() == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["quantity"] for row in rows if row["network"] == "kth_grnn"][:3] == [
        "logits", "states after the last frame", "loss",
    ]  # fmt: skip
    without = {row["network"]: row["quantity"] for row in rows if row["difference"] is None}
    assert without.keys() == set(parity.uncovered())
    assert without["kth/fernn-v1-circular"] == "no golden file: this project's own"
    monkeypatch.setattr(sys, "argv", ["parity.py"])
    assert command.main() == 0
    printed = capsys.readouterr().out
    assert "akandykeller/FERNN @7def7bc" in printed and "no golden file" in printed


@pytest.mark.parametrize("wrong", [1e-3, torch.nan])
def test_the_command_fails_above_a_tolerance(command, monkeypatch, wrong):
    def compare(values, metadata):
        return {"logits": (torch.tensor([1.0 + wrong, 2.0]), torch.tensor([1.0, 2.0]), 1e-4)}

    kinds = [replace(kind, compare=compare) for kind in parity.KINDS]
    monkeypatch.setattr(parity, "KINDS", kinds)
    monkeypatch.setattr(sys, "argv", ["parity.py", "--json"])
    assert command.main() == 1
