"""The controlled pendulum from episodes to table and quality, with and without actions and inner steps."""

import json

import pytest

from tune import controlled_search, noether_search, report
from tune.commands.evaluate import main as evaluate

SEARCH = controlled_search.SEARCH
TINY = ["--seeds", "0", "--epochs", "1", "--set", "data.size=16", "--set", "data.num_frames=5"]
TINY += ["--set", "data.num_episodes=[4,3,3]", "--set", "model.widths=[2,3]", "--set", "model.depths=[1,1]"]


@pytest.mark.soak
def test_a_controlled_demo_runs_from_episodes_to_table_quality_and_report(
    command, two_cpus, tmp_path, monkeypatch, capsys
):
    code, (out, err) = command("--preset", "demo", *TINY, search=SEARCH)
    assert code == 0 and "DEMO: few short episodes" in out, err
    for acts in ("False", "True"):
        assert all(f"noether, use_actions {acts}, inner_steps {steps}" in out for steps in (0, 1))
    monkeypatch.setattr(
        "sys.argv", ["noether_eval.py", "--study", "controlled-pendulum-demo", "--steps", "2", "--json"]
    )
    capsys.readouterr()
    assert evaluate("quality") == 0
    models = json.loads(capsys.readouterr().out)["models"]
    assert [len(cell["inner"]["mean"]) for model in models for cell in model["cells"]] == [1, 3, 1, 3]
    cells = (tmp_path / "studies/controlled-pendulum-demo/cells").iterdir()
    tested = [json.loads((cell / "done.json").read_text())["metrics"]["test/mse"] for cell in cells]
    for model in models:  # both by the draws and actions of the clips
        (cell,), steps = model["cells"], str(model["own_steps"][0])
        mean = sum(cell["frames"][steps]["mse"]["mean"]) / 3
        assert any(mean == pytest.approx(value, rel=1e-4) for value in tested)
    assert report.main(report.Options("controlled-pendulum-demo")) == 0
    written = (tmp_path / "studies/controlled-pendulum-demo/report/published-controlled-pendulum.csv").read_text()
    assert '"SVG, more steps",2.6,3.6,4.3,4.5,0.926' in written


def test_every_row_is_planned_and_actions_alone_can_be_asked_for(command):
    code, printed = command("--plan", "--seeds", "0", "--preset", "demo", search=SEARCH)
    assert code == 0 and "4 cells (1 model × 2 use_actions × 2 inner_steps × 1 lr × 1 seed)" in printed.err
    code, printed = command("--plan", "--preset", "demo", "--set", "model.use_actions=true", search=SEARCH)
    assert code == 0 and "4 cells" in printed.err and "use_actions False" not in printed.err


def test_actions_are_refused_in_one_line_where_there_are_none(command):
    code, printed = command("--yes", "--set", "model.use_actions=true", search=noether_search.SEARCH)
    line = printed.err.splitlines()[-1]
    assert code == 2 and "model.use_actions must be false on physics101, which has no actions" in line
    assert "leave it out, or choose data with actions (controlled-pendulum)" in line
