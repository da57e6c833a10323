"""Tests on a GPU, by ``make gpu-test``: where there is none, those that can be run on the CPU are."""

import pytest
import torch

HAS_GPU = torch.cuda.is_available()


@pytest.fixture(scope="session")
def device():
    """The GPU, or the CPU where there is none."""
    return torch.device("cuda" if HAS_GPU else "cpu")


@pytest.fixture
def gpu(device):
    """The GPU; without one the test is skipped."""
    if device.type == "cpu":
        pytest.skip("waits for a GPU: PyTorch finds none")
    return device


@pytest.fixture
def exactly_repeated(monkeypatch):
    """Kernels that give the same bits each time, and float32 without TF32."""
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", True)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
