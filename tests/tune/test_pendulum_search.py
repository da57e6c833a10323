"""Noether Networks from trajectories to table and report: the pendulum, and the spring by the same declaration."""

from pathlib import Path

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


@pytest.mark.soak
def test_a_formula_demo_runs_ranks_its_formulas_and_has_nothing_left(command, two_cpus, capsys):
    few = ["--preset", "symbolic-demo", "--seeds", "0", "--epochs", "1", "--set", "data.passes=1"]
    assert command(*few, search=PENDULUM)[0] == 0
    code, (_, err) = command(*few, "--plan", search=PENDULUM)
    assert code == 0 and "4 done, 0 to run" in err
    assert report.main(report.Options("ideal-pendulum-symbolic-demo")) == 0
    ranking = Path("studies/ideal-pendulum-symbolic-demo/report/formulas.csv").read_text()
    assert "p**2 - 3.07*cos(q)" in ranking and "DEMO,1," in ranking


@pytest.mark.soak
def test_a_derivatives_demo_runs_and_reports_rollouts_beside_the_published_numbers(command, two_cpus):
    few = ["--preset", "derivatives-demo", "--seeds", "0", "--epochs", "2", "--set", "data.passes=2"]
    code, (_, err) = command(*few, "--set", "model.derivative_steps=3", search=PENDULUM)
    assert code == 0, err
    assert report.main(report.Options("ideal-pendulum-derivatives-demo")) == 0
    folder = Path("studies/ideal-pendulum-derivatives-demo/report")
    table = (folder / "derivatives.csv").read_text()
    assert "vanilla-mlp,none," in table and "hnn,learned H," in table and "meta-tailored," in table
    assert "Noether Network" in (folder / "published-ideal-pendulum.csv").read_text()


@pytest.mark.parametrize("search", [PENDULUM, spring_search.SEARCH])
def test_a_published_step_is_on_all_states_and_there_are_2101(search):
    """train.py of experiment-pend and experiment-spring (13-36, 61-71): 2,001 of Adam; then 100 of meta-tailoring."""
    exact = search.presets["paper-exact"]
    cells = [cell.experiment for cell in exact.cells(search.base, exact.space, "hash")]
    assert len(cells) == 22 and {one.epochs * one.data.passes for one in cells} == {2101}
    assert {one.model.derivative_steps for one in cells} == {2001}
    for one in cells:
        assert one.batch_size == one.data.num_sequences[0] == 25 and one.selection == "last" and one.optim.lr == 1e-3
        assert (one.optim.weight_decay, one.optim.decay, one.optim.clip_norm) == (1e-4, 1.0, None)


@pytest.mark.parametrize(("search", "best"), [
    (PENDULUM, "p**2 - 3.07*cos(q)"), (spring_search.SEARCH, "q**2 + 1.03*p**2"),
])  # fmt: skip
def test_a_formula_search_trains_with_none_and_with_the_twenty_best(search, best):
    chosen = search.presets["symbolic"]
    cells = chosen.cells(search.base, chosen.space, "hash")
    formulas = list(dict.fromkeys(cell.experiment.model.formula for cell in cells))
    assert len(cells) == 63 and len(formulas) == 21 and formulas[:2] == ["none", best]
    assert {cell.experiment.data.noise for cell in cells} == {0.1}


def test_formulas_are_of_the_studys_own_trajectories_unless_they_are_given(command):
    few = ["--preset", "symbolic-demo", "--plan", "--seeds", "0"]
    code, printed = command(*few, "--set", "data.noise=0", search=PENDULUM)
    assert code == 0 and "symbolic, formula p**2 - 3.0*cos(q) lr 0.003 seed 0" in printed.err
    code, printed = command(*few, "--set", "model.formula=q*p", search=PENDULUM)
    assert code == 0 and "1 cells (1 model × 1 formula × 1 lr × 1 seed)" in printed.err
    code, printed = command(*few, "--set", "model.formula=q^p", search=PENDULUM)
    assert code == 2 and "formula must be of q and p" in printed.err


@pytest.mark.parametrize("search", [PENDULUM, spring_search.SEARCH])
def test_the_bare_command_plans_fifteen_cells_and_needs_no_gpu(search, command):
    code, printed = command("--plan", search=search)
    assert code == 0 and "15 cells (3 model × 1 lr × 5 seed), 0 done, 15 to run" in printed.err
    assert f"study {search.base.data.name}-paper" in printed.err and not search.wants_gpu


def test_the_spring_is_the_pendulums_search_on_another_system():
    spring = spring_search.SEARCH
    assert (spring.base.data.name, PENDULUM.base.data.name) == ("ideal-spring", "ideal-pendulum")
    alike = ("paper", "symbolic", "symbolic-untyped", "symbolic-demo", "demo")
    assert all(spring.presets[name] == PENDULUM.presets[name] for name in alike)
    states = {
        search.presets["paper-exact"].defaults["data.num_frames"]: search.base.data.name
        for search in (spring, PENDULUM)
    }
    assert states == {30: "ideal-spring", 45: "ideal-pendulum"} and spring.deviations == PENDULUM.deviations
    assert "python tune/spring_search.py" in spring.description
