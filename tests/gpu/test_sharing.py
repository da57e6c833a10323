"""Trials that share a GPU: two at the same time, and one that runs out of memory and goes on with a larger share."""

import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("ray")
pytest.importorskip("mlflow")

from tune.core.folder import Folder
from tune.core.protocol import load_study

pytestmark = pytest.mark.gpu
ROOT = Path(__file__).parents[2]
LEFT = 1_500_000_000
"""Bytes that stay free for a trial: enough to start in, too little for a step of the network here."""


def command(prepared, folder, *options):
    search = [sys.executable, ROOT / "tune/kth_search.py", "--study", "shared", "--storage", folder, "--data", prepared]
    cells = ["--models", "fernn-v2", "--lrs", "1e-3", "--set", "data.size=8", "--no-download"]
    return list(map(str, [*search, *cells, *options]))


def cells_of(folder):
    study = load_study(Folder(str(folder / "shared")))
    return [study.cell_folder(cell).done() for cell in study.cells]


def test_two_trials_share_a_gpu(gpu, prepared, tmp_path):
    options = ("--seeds", "0", "1", "--epochs", "30", "--gpus-per-trial", "0.5", "--batch-size", "4")
    subprocess.run(command(prepared, tmp_path, *options), check=True, cwd=tmp_path, timeout=240)
    results = cells_of(tmp_path)
    assert [result.held("gpus") for result in results] == [0.5, 0.5]
    assert {result.machine["steps"] for result in results} == {"as a CUDA graph"}
    ended, other = (result.finished_at for result in results)
    assert abs(ended - other) < min(result.train_seconds for result in results)  # neither waited for the other


def test_a_trial_whose_memory_runs_out_goes_on_with_twice_the_share(gpu, prepared, tmp_path):
    options = ("--seeds", "0", "--epochs", "2", "--gpus-per-trial", "0.25", "--set", "model.hidden_channels=512")
    with memory_taken() as hog:
        started = command(prepared, tmp_path, *options, "--batch-size", "16")
        with subprocess.Popen(started, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as search:
            said = []
            for line in search.stderr:
                said.append(line)
                if "goes on with" in line:
                    hog.kill()
    assert search.returncode == 0, "".join(said)
    assert any("goes on with 0.5 of a GPU" in line for line in said)
    assert [result.held("gpus") for result in cells_of(tmp_path)] == [0.5]


@contextmanager
def memory_taken():
    """Another process that holds the GPU's memory but for :data:`LEFT` bytes."""
    code = f"import torch; free = torch.cuda.mem_get_info()[0]; held = torch.empty(free - {LEFT}, dtype=torch.uint8, "
    code += "device='cuda'); print('held', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as hog:
        assert hog.stdout.readline() == b"held\n"
        try:
            yield hog
        finally:
            hog.kill()
