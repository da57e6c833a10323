import pytest
import torch

from tune.engine.usage import Usage, resident_bytes

CPU = ["system/process_cpu_utilization_percentage", "system/process_memory_usage_megabytes"]


def test_the_cpu_share_is_of_the_time_since_the_last_row(monkeypatch):
    walls, computed = iter([10.0, 12.0, 16.0]), iter([1.0, 4.0, 5.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(walls))
    monkeypatch.setattr("time.process_time", lambda: next(computed))
    usage = Usage(torch.device("cpu"))
    assert [usage.row()[CPU[0]] for _ in range(2)] == [150.0, 25.0]


def test_memory_is_what_the_process_holds():
    row = Usage(torch.device("cpu")).row()
    assert list(row) == CPU and row[CPU[1]] == pytest.approx(resident_bytes() / 1e6, rel=0.1) and row[CPU[1]] > 10


def test_a_gpu_has_the_share_of_the_process_and_the_use_of_the_whole(monkeypatch):
    monkeypatch.setattr("torch.cuda.mem_get_info", lambda device: (6e9, 8e9))
    monkeypatch.setattr("torch.cuda.memory_reserved", lambda device: 5e8)
    row = Usage(torch.device("cuda")).row()
    assert {name: value for name, value in row.items() if name not in CPU} == {
        "system/process_gpu_memory_usage_megabytes": 500.0,
        "system/gpu_0_memory_usage_megabytes": 2000.0,
        "system/gpu_0_memory_usage_percentage": 25.0,
    }
