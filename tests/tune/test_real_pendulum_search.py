"""The filmed pendulum from its file to table and report."""

from pathlib import Path

import pytest

from data.real_pendulum.demo import DemoConfig, render
from tune import report
from tune.real_pendulum_search import SEARCH

FEW = ("--seeds", "0", "--epochs", "2", "--set", "data.passes=2", "--set", "model.derivative_steps=3")


@pytest.mark.soak
def test_a_filmed_pendulum_demo_runs_from_its_file_to_the_report(command, two_cpus):
    code, (out, err) = command("--preset", "demo", *FEW, search=SEARCH)
    assert code == 0 and "DEMO: a damped pendulum with noise, made here" in out, err
    assert report.main(report.Options("real-pendulum-demo")) == 0
    table = Path("studies/real-pendulum-demo/report/derivatives.csv").read_text()
    assert "hnn,learned H," in table and "vanilla-mlp,none," in table
    assert "meta-tailored," in table and "meta-oracle," in table
    assert not Path("studies/real-pendulum-demo/report/published-real-pendulum.csv").exists()  # it is of the real one


def test_the_bare_command_wants_the_file_and_plans_sixty_six_cells(command, tmp_path):
    code, printed = command("--plan", search=SEARCH)
    assert code == 0 and "66 cells" in printed.err and "needs --files DIR" in printed.err
    files = render(DemoConfig(tmp_path / "files", moments=60)).parent
    (files / "demo.json").unlink()
    code, printed = command("--plan", "--files", files, search=SEARCH)
    assert code == 0 and f"prepares it there from {files}" in printed.err


def test_each_model_is_planned_at_each_inner_rate_and_the_others_once():
    exact = SEARCH.presets["paper-exact"]
    cells = [cell.experiment for cell in exact.cells(SEARCH.base, exact.space, "hash")]
    rates = {name: [one.model.inner_lr for one in cells if one.model.name == name] for name in exact.space["model"]}
    assert rates["vanilla-mlp"] == rates["hnn"] == [0.0] and rates["meta-tailored"] == rates["meta-oracle"]
    assert len(rates["meta-oracle"]) == 10 and (rates["meta-oracle"][1], rates["meta-oracle"][-1]) == (1e-3, 10.0)
    assert {one.epochs * one.data.passes for one in cells} == {2101} and {one.optim.weight_decay for one in cells} == {
        1e-5
    }
