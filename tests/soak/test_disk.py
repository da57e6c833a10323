"""A disk that is full, and one that is read-only: said in one line, nothing half-written, and the study goes on later.

The disk is a small tmpfs, which needs the right to mount.
"""

import subprocess

import pytest

from tests.support.disturbed import TWELVE, contents, leftovers

pytestmark = pytest.mark.soak


@pytest.fixture
def disk(tmp_path):
    """A folder ``studies`` of 20 MB; a function that mounts it again with other options."""
    folder = tmp_path / "full/studies"
    folder.mkdir(parents=True)

    def mount(options):
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", folder], check=True, capture_output=True)

    try:
        mount("size=20m")
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"a disk of a known size needs the right to mount: {error}")
    yield lambda options: mount(f"remount,{options}")
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_disk_is_said_and_a_larger_one_ends_in_the_same_study(search, disk, tmp_path):
    whole = search(*TWELVE, folder=tmp_path / "whole")
    assert whole.wait() == 0
    disk("size=1200k")
    full = search(*TWELVE, folder=tmp_path / "full")
    assert full.wait() in (1, 2), full.errors()
    said = (full.out.read_text() + full.errors()).lower()
    assert "no space left" in said or "disk is full" in said
    assert not leftovers(full.folder) and "Traceback" not in full.errors()
    disk("size=40m")
    again = search(*TWELVE, folder=tmp_path / "full")
    assert again.wait() == 0, again.errors()
    assert contents(again.folder) == contents(whole.folder)


def test_a_read_only_disk_is_refused_in_one_line(search, disk, tmp_path):
    disk("ro")
    one = search(*TWELVE, folder=tmp_path / "full")
    assert one.wait() == 2
    (event,) = [event for event in one.events() if event["event"] == "refused"]
    assert "--storage must be writable" in event["reason"] and "Read-only" in event["reason"]
