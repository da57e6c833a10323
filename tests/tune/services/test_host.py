"""What this machine lets a process use."""

import pytest

from tune.services.host import home_problem, memory_limit


@pytest.mark.parametrize("name", ["memory.max", "memory/memory.limit_in_bytes"])
def test_a_containers_limit_is_read_in_both_versions(tmp_path, name):
    assert memory_limit(tmp_path) is None
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("1000000000\n")
    assert memory_limit(tmp_path) == 1_000_000_000
    (tmp_path / name).write_text("max\n")
    assert memory_limit(tmp_path) is None


def test_a_home_that_is_not_there_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert home_problem() == ""
    monkeypatch.setenv("HOME", str(tmp_path / "nowhere"))
    assert home_problem() == f"the home folder {tmp_path}/nowhere does not exist"
