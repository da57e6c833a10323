"""One driver a study, in a folder and in a bucket."""

import fcntl
import json
import os
import subprocess
import sys
import threading
import time

import pytest

from tune.core.driver import LEASE, LOCK, LOOK_S, driver_lock, driver_of
from tune.core.folder import Folder
from tune.core.study import StudyError

HELD = r"study 's' is held by a running driver: pid \d+ on"
OTHER = {"host": "elsewhere", "pid": 1, "started": 0, "id": "x", "renewals": 0}


@pytest.fixture(autouse=True)
def short_renewals(monkeypatch):
    monkeypatch.setattr("tune.core.driver.RENEWAL_S", 0.2)


@pytest.fixture(params=["path", "url"])
def folder(request, tmp_path):
    if request.param == "path":
        return Folder(str(tmp_path / "s"))
    return Folder(f"{request.getfixturevalue('bucket')}/s")


@pytest.fixture
def leased(bucket):
    return Folder(f"{bucket}/s")


def test_a_second_driver_is_refused_with_the_firsts_name(folder):
    with driver_lock(folder), pytest.raises(StudyError, match=HELD), driver_lock(folder):
        pass
    with driver_lock(folder):
        pass


def test_the_lock_of_a_driver_that_was_killed_here_is_free_at_once(leased):
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    with driver_lock(leased):
        mine = leased.read_json(LEASE)
    leased.write_json(LEASE, {**mine, "pid": int(gone.stdout)})
    began = time.monotonic()
    with driver_lock(leased):
        assert time.monotonic() - began < 3 * 0.2


def test_the_lock_of_a_driver_elsewhere_is_free_once_it_is_no_longer_renewed(leased, capsys):
    leased.write_json(LEASE, OTHER)
    with driver_lock(leased):
        assert leased.read_json(LEASE)["id"] != "x"
    assert "was held by pid 1 on elsewhere: looking whether it still lives" in capsys.readouterr().err
    assert leased.read(LEASE) is None


def test_a_driver_whose_study_was_taken_over_stops(leased):
    with pytest.raises(KeyboardInterrupt), driver_lock(leased):
        leased.write_json(LEASE, OTHER)
        time.sleep(5)
    assert json.loads(leased.read(LEASE) or b"") == OTHER


def test_who_works_on_a_study_is_known_without_writing_anything(folder):
    assert driver_of(folder) is None and folder.children("") == []
    with driver_lock(folder):
        assert driver_of(folder)["pid"] == os.getpid()
    assert driver_of(folder) is None


def test_a_lease_that_is_no_longer_renewed_is_nobodys(leased, monkeypatch):
    leased.write_json(LEASE, OTHER)
    assert driver_of(leased) == OTHER
    monkeypatch.setattr("tune.core.driver.RENEWAL_S", 0.0)
    monkeypatch.setattr("tune.core.driver.CLOCK_S", 0.0)
    assert driver_of(leased) is None


def test_a_look_at_the_lock_does_not_turn_a_driver_away(tmp_path):
    with driver_lock(Folder(str(tmp_path))):
        pass
    with open(tmp_path / LOCK) as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        threading.Timer(LOOK_S / 2, fcntl.flock, (file, fcntl.LOCK_UN)).start()
        with driver_lock(Folder(str(tmp_path))):
            assert driver_of(Folder(str(tmp_path))) is not None


def test_a_study_in_a_bucket_is_worked_on_in_the_main_thread(tmp_path):
    """Elsewhere the signal would not arrive that tells of another driver."""
    refusals, bucket = [], Folder("s3://bucket/s")

    def work():
        with pytest.raises(StudyError, match="study 's' is in a bucket: work on it in the main thread") as refusal:
            driver_lock(bucket).__enter__()
        refusals.append(refusal)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert len(refusals) == 1
