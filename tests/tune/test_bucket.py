"""A search that keeps its study in a bucket: killed, continued, reported."""

import os
import signal
import time

from tune import report
from tune.claims import load_study
from tune.folder import Folder


def test_a_killed_search_in_a_bucket_goes_on(search, bucket, tmp_path, capsys):
    asked = [
        "--models",
        "grnn",
        "--epochs",
        "2",
        "--storage",
        bucket,
        "--tracking-uri",
        f"sqlite:///{tmp_path}/mlflow.db",
    ]
    first, home = search(*asked), Folder(f"{bucket}/kth-paper")
    deadline = time.monotonic() + 120
    while not any((home / f"cells/{name}").read("last/state.safetensors") for name in home.children("cells")):
        assert first.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    assert len(load_study(home).missing()) > 0

    again = search(*asked)
    _, err = again.communicate(timeout=280)
    assert again.returncode == 0 and "to run" in err, err
    assert load_study(home).missing() == []

    options = report.Options("kth-paper", storage=bucket)
    assert report.main(options) == 0 and "grnn" in capsys.readouterr().out
    assert b"grnn" in ((home / "report").read("table.md") or b"")
