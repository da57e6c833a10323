"""The doctor's checks of this machine: limits of a container, GPUs, shared memory, scratch space, the video decoder."""

from collections import namedtuple

from tune.commands import machine_checks
from tune.commands.checks import ok

Disk = namedtuple("Disk", "total used free")


def test_a_container_has_what_its_limits_leave(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    monkeypatch.setattr("os.sched_getaffinity", lambda process: set(range(8)))
    monkeypatch.setattr(machine_checks, "get_system_memory", lambda: 8e9)
    for num_cpus, free, verdict in ((None, 5e9, "ok"), (0.5, 1e9, "warning")):
        monkeypatch.setattr(machine_checks, "_get_docker_cpus", lambda num_cpus=num_cpus: num_cpus)
        monkeypatch.setattr(machine_checks, "estimate_available_memory", lambda free=free: free)
        assert machine_checks.processors().verdict == machine_checks.memory().verdict == verdict
    assert "may use 0.5" in machine_checks.processors().text
    assert "--max-concurrent 1," in machine_checks.processors().way_out
    assert "8.0 GB, 1.0 GB free" in machine_checks.memory().text


def test_gpus_that_pytorch_cannot_use_are_broken_and_none_is_a_warning(monkeypatch):
    answer = {"gpus": [], "cuda": None, "torch": "2.15.0+cpu"}
    monkeypatch.setattr(machine_checks, "probe", lambda *_, **__: answer)
    monkeypatch.setattr(machine_checks, "nvidia_driver", lambda: "580.1")
    assert machine_checks.gpus().verdict == "broken" and "without CUDA" in machine_checks.gpus().text
    answer["gpus"] = [{"name": "H100", "free": 70e9, "total": 80e9}]
    monkeypatch.setattr(machine_checks, "multi_process", lambda: "MPS is on")
    assert machine_checks.gpus() == ok("H100 (70 of 80 GB free); driver 580.1, CUDA None; MPS is on")
    answer.update(error="no kernel image is available")
    assert machine_checks.gpus().verdict == "broken"


def test_the_multi_process_service_is_seen_by_its_pipe(monkeypatch, tmp_path):
    monkeypatch.setenv("CUDA_MPS_PIPE_DIRECTORY", str(tmp_path))
    assert "MPS is off: trials that share a GPU take turns" in machine_checks.multi_process()
    (tmp_path / "control").touch()
    assert "MPS is on: trials that share a GPU compute side by side" in machine_checks.multi_process()


def test_no_gpu_is_a_warning(monkeypatch):
    monkeypatch.setattr(machine_checks, "probe", lambda *_, **__: {"gpus": [], "cuda": None, "torch": "2.15.0"})
    monkeypatch.setattr(machine_checks, "nvidia_driver", lambda: None)
    monkeypatch.setattr("pathlib.Path.glob", lambda *_: iter(()))
    assert machine_checks.gpus().verdict == "warning" and "none: the demo needs none" in machine_checks.gpus().text


def test_the_object_store_needs_shared_memory_and_a_disk_with_room(monkeypatch, tmp_path):
    monkeypatch.setattr(machine_checks, "estimate_available_memory", lambda: 10e9)
    disks = {"free": 1e9}
    monkeypatch.setattr("shutil.disk_usage", lambda folder: Disk(100e9, 0, disks["free"]))
    assert "less than the 3.0 GB that Ray wants" in machine_checks.shared_memory().text
    assert machine_checks.scratch().verdict == "warning" and "99% full" in machine_checks.scratch().text
    disks["free"] = 50e9
    assert machine_checks.shared_memory().verdict == machine_checks.scratch().verdict == "ok"
    monkeypatch.setattr(machine_checks, "SHARED", tmp_path / "nowhere")
    assert "Ray keeps objects on the disk" in machine_checks.shared_memory().text


def test_a_video_is_written_and_read_again(monkeypatch):
    assert machine_checks.video() == ok("three frames written as KTH's videos are, and read again")
    decode = machine_checks.decode
    monkeypatch.setattr(machine_checks, "decode", lambda path, size: decode(path, size)[:2])
    assert machine_checks.video().verdict == "broken" and "2 read" in machine_checks.video().text
