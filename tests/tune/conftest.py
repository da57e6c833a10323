"""The search command, and the one that manages studies."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SMALL = ["--models", "fernn-v1", "grnn", "--lrs", "1e-3", "--seeds", "0", "1", "--epochs", "4", "--batch-size", "32"]
SMALL += ["--set", "data.size=8", "--set", "model.hidden_channels=4", "--set", "model.embedding_channels=[4]"]


@pytest.fixture
def search(prepared, tmp_path):
    """Starts ``tune/kth_search.py`` on the small data set, in a folder of the test's own."""

    def start(*arguments):
        command = [sys.executable, ROOT / "tune/kth_search.py", "--data", prepared, *SMALL, *arguments]
        return subprocess.Popen(
            command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )

    return start


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """Runs the search in this process: its exit code and what it prints.

    It counts two CPUs and no GPU. Ray is not started: a test that trains asks for ``two_cpus`` and gets that Ray.
    """
    from tune import kth_search
    from tune.command import main
    from tune.preflight import Hardware, Node

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ray.init", lambda **options: None)
    monkeypatch.setattr("ray.shutdown", lambda: None)  # other tests' Ray lives in this process
    for module in ("command", "preflight"):
        monkeypatch.setattr(f"tune.{module}.hardware", lambda: Hardware((Node(cpus=2, gpus=0),)))
    monkeypatch.setattr("tune.estimate.probe", lambda experiment, cpus, beside: (0.1, 1000))

    def run(*arguments, search=kth_search.SEARCH):
        capsys.readouterr()
        monkeypatch.setattr("sys.argv", ["search.py", *map(str, arguments)])
        return main(search), capsys.readouterr()

    return run


@pytest.fixture
def manage(tmp_path, monkeypatch, capsys):
    """Runs ``tune/study.py`` in this process on the studies in the test's folder: exit code, output and errors."""
    from tune.manage import main

    def run(*arguments):
        capsys.readouterr()
        storage = () if "--storage" in arguments else ("--storage", str(tmp_path))
        monkeypatch.setattr("sys.argv", ["study.py", *map(str, arguments), *storage])
        code, said = main(), capsys.readouterr()
        return code, said.out, said.err

    return run
