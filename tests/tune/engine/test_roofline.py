"""FLOP/s beside a device's peak: data sheets by exact names, a CPU's product, and nothing guessed."""

import pytest
import torch

from fernn.experiment import Experiment
from fernn.flops import Work
from fernn.models import StoredConfig
from tune.engine import roofline
from tune.engine.roofline import PEAKS, Roofline, cpu_peak, gpu_peak, peak_of, quantity, recorded_peak, training_work

CPU = torch.device("cpu")


def test_a_gpu_has_the_dense_peak_of_its_data_sheet():
    assert gpu_peak("NVIDIA H200", "bf16") == 989.4e12
    assert gpu_peak("NVIDIA H200", "float32") == 494.7e12  # convolutions are computed as TF32
    assert gpu_peak("Tesla T4", "float32") == 8.1e12 and gpu_peak("Tesla T4", "bf16") is None


@pytest.mark.parametrize("name", ["NVIDIA A100-SXM4-40GB MIG 1g.5gb", "NVIDIA H200 NVL", "AMD Instinct MI300X", ""])
def test_other_names_are_unknown(name):
    assert gpu_peak(name, "bf16") is None
    words = Roofline(Work(1e9, 1e6), 10.0, name, gpu_peak(name, "bf16")).words()
    assert words.endswith(f"10 GFLOP/s, the peak of {name} is unknown")


def test_tensor_cores_are_no_slower_in_fewer_digits():
    for peak in PEAKS.values():
        assert peak.float32 <= (peak.tf32 or peak.float32) <= (peak.bf16 or 1e9)
        assert peak.bf16 is None or peak.tf32 is None or peak.bf16 == pytest.approx(2 * peak.tf32, rel=0.03)


def test_a_cpus_peak_is_measured_once(monkeypatch):
    monkeypatch.setattr(roofline, "ENOUGH", 0.0)
    threads = torch.get_num_threads()
    cpu_peak.cache_clear()
    first = peak_of(CPU, "float32")
    assert 1e8 < first < 1e14 and peak_of(CPU, "float32") == cpu_peak("float32", threads) == first
    cpu_peak.cache_clear()


def test_the_share_is_of_one_trial():
    found = Roofline(Work(327e9, 3.85e9), 426.0, "NVIDIA H200", 989.4e12)
    assert found.achieved == 327e9 * 426 and found.share == pytest.approx(0.1408, abs=1e-4)
    assert found.words() == (
        "327 GFLOP and 3.85 GB a clip in training, 139 TFLOP/s, 14.1% of the peak of NVIDIA H200 (989 TFLOP/s)"
    )
    assert found.facts() == {
        "flops_per_clip": 327e9, "bytes_per_clip": 3.85e9, "clips_per_second": 426.0, "device": "NVIDIA H200",
        "flops_per_second": 327e9 * 426, "peak_flops_per_second": 989.4e12, "share_of_peak": found.share,
    }  # fmt: skip


def test_what_is_not_known_is_said():
    assert "unknown" in Roofline(None, 5.0, "NVIDIA H200", 1e15).words()
    assert Roofline(Work(1, 1), None, "NVIDIA H200", 1e15).words().endswith("speed unknown")
    facts = Roofline(None, None, "x", None).facts()
    assert [name for name, value in facts.items() if value is not None] == ["device"]


def test_a_model_whose_class_is_not_here_is_not_counted():
    assert training_work(Experiment(model=StoredConfig("package.module:Net"))) is None


def test_a_cells_record_has_the_gpus_name_or_the_cpus_product():
    assert recorded_peak({"gpu": "NVIDIA L4", "peak_flops_per_second": 1.0}, "bf16") == 121e12
    assert recorded_peak({"cpu": "a CPU", "peak_flops_per_second": 5e10}, "float32") == 5e10
    assert recorded_peak({"cpu": "a CPU"}, "float32") is None


@pytest.mark.parametrize(
    ("value", "words"), [(0.0, "0 B"), (999.0, "999 B"), (999.6, "1 kB"), (3.27e11, "327 GB"), (2e18, "2e+03 PB")]
)
def test_quantities_have_three_digits(value, words):
    assert quantity(value, "B") == words
