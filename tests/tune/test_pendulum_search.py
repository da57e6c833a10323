"""Noether Networks from trajectories to table and report: the pendulum, and the spring by the same declaration."""

import pytest

from tune import pendulum_search, report, spring_search
from tune.commands.evaluate import main as evaluate

PENDULUM = pendulum_search.SEARCH


@pytest.mark.soak
def test_a_pendulum_demo_runs_without_asking_for_a_gpu(command, two_cpus, tmp_path, monkeypatch, capsys):
    few = ["--models", "noether", "mlp", "--set", "data.num_sequences=[4,3,3]", "--seeds", "0", "--epochs", "1"]
    code, (out, err) = command("--set", "data.passes=1", *few, search=PENDULUM)
    assert code == 0 and "test error (RMSE)" in out and "wants GPUs" not in err, err
    assert report.main(report.Options("ideal-pendulum-paper")) == 0
    monkeypatch.setattr("sys.argv", ["noether_eval.py", "--study", "ideal-pendulum-paper"])
    assert evaluate("quality") == 2 and "not for ideal-pendulum: see python tune/report.py" in capsys.readouterr().err


@pytest.mark.parametrize("search", [PENDULUM, spring_search.SEARCH])
def test_the_bare_command_plans_fifteen_cells_and_needs_no_gpu(search, command):
    code, printed = command("--plan", search=search)
    assert code == 0 and "15 cells (3 model × 1 lr × 5 seed), 0 done, 15 to run" in printed.err
    assert f"study {search.base.data.name}-paper" in printed.err and not search.wants_gpu


def test_the_spring_is_the_pendulums_search_on_another_system():
    spring = spring_search.SEARCH
    assert (spring.base.data.name, PENDULUM.base.data.name) == ("ideal-spring", "ideal-pendulum")
    assert spring.presets == PENDULUM.presets and spring.always_deviates == PENDULUM.always_deviates
    assert "python tune/spring_search.py" in spring.description
