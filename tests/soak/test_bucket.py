"""The whole demo in a bucket: killed twice, continued, and the same as on disk."""

import os
import signal
import subprocess
import sys
import time

import pytest

from tests.support.disturbed import ROOT, contents, contents_of, tracked
from tune import report
from tune.core.folder import Folder

pytestmark = pytest.mark.soak
DEMO = "kth-demo"


def demo(folder, *options):
    """The demo's command in a folder of its own."""
    folder.mkdir(exist_ok=True)
    command = [sys.executable, ROOT / "tune/kth_search.py", "--preset", "demo", *options]
    with (folder / "log").open("a") as log:
        return subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, start_new_session=True)


def num_done(home):
    return sum((home / f"cells/{name}").has("done.json") for name in home.children("cells"))


def test_the_demo_in_a_bucket_is_the_demo_on_disk(bucket, tmp_path, capsys):
    assert demo(tmp_path / "disk").wait(600) == 0
    home, remote = Folder(f"{bucket}/{DEMO}"), tmp_path / "remote"
    asked = ("--storage", bucket, "--tracking-uri", f"sqlite:///{tmp_path}/mlflow.db")
    for enough in (2, 5):
        one = demo(remote, *asked)
        while num_done(home) < enough:
            assert one.poll() is None, (remote / "log").read_text()[-3000:]
            time.sleep(0.2)
        os.killpg(one.pid, signal.SIGKILL)
        one.wait()
    assert demo(remote, *asked).wait(600) == 0, (remote / "log").read_text()[-3000:]

    assert contents_of(home) == contents(tmp_path / "disk", DEMO)
    runs, steps = tracked(tmp_path / "mlflow.db")
    assert len(runs) == 1 + 2 + 4 + 8 and {status for _, status in runs} == {"FINISHED"}
    assert {count for *_, count in steps} == {1}
    assert report.main(report.Options(DEMO, storage=bucket)) == 0
    assert capsys.readouterr().out == (home / "report").read("table.md").decode()
