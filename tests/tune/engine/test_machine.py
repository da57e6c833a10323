"""What is recorded of a machine, and the memory of a process."""

import os
import subprocess
import sys

import pytest
import torch

from tune.engine.machine import assigned_resources, home_problem, machine

CPU = torch.device("cpu")


def test_a_machine_is_recorded_with_all_that_can_change_rounding():
    facts = machine(CPU)
    assert facts["device_type"] == "cpu" and facts["torch"] == torch.__version__
    assert facts["cpu"] and 2**28 < facts["memory_bytes"] < 2**50
    assert facts["threads"] == torch.get_num_threads() and facts["cores"] == os.cpu_count()
    assert "gpu" not in facts and len(facts["source_sha256"]) == 64
    assert machine(CPU) == facts


def test_outside_of_a_trial_nothing_is_assigned():
    assert assigned_resources() is None


PEAK = """
import numpy, torch
from tune.engine.machine import peak_memory, reset_peak_memory
reset_peak_memory(torch.device("cpu"))
before = peak_memory(torch.device("cpu"))
numpy.ones(2**25)  # 256 MiB
print(peak_memory(torch.device("cpu")) - before)
"""


@pytest.mark.skipif(not os.access("/proc/self/clear_refs", os.W_OK), reason="this Linux keeps the peak")
def test_the_peak_of_memory_counts_what_was_freed_since_the_reset():
    command = [sys.executable, "-c", PEAK]  # a process of its own: here, allocators give memory back at any time
    assert int(subprocess.run(command, check=True, capture_output=True).stdout) > 2**27


def test_a_home_that_is_not_there_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert home_problem() == ""
    monkeypatch.setenv("HOME", str(tmp_path / "nowhere"))
    assert home_problem() == f"the home folder {tmp_path}/nowhere does not exist"
