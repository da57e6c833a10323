"""The search on rotating MNIST: from digits to errors by velocity, on the same engine as KTH."""

import re

import pytest

from tests.support.digits import FEW, velocities
from tune import rotating_mnist_search

pytestmark = pytest.mark.usefixtures("few_digits")
ROTATING = rotating_mnist_search.SEARCH


@pytest.mark.soak
def test_a_rotating_demo_runs(command, two_cpus, tmp_path, monkeypatch, capsys):
    code, (out, err) = command(*FEW, "--models", "fernn-v2", "--set", "data.angle_step=20", search=ROTATING)
    assert code == 0 and re.search(r"fernn-v2 +│ 12,210", out), err
    found = velocities(monkeypatch, capsys, "rotating-mnist-demo", "2")
    assert found["training_range"] == 2 and {"V2", "angle_-40", "angle_40"} <= set(found["mse"])
    assert len(list(tmp_path.rglob("velocity/curve.png"))) == 2  # the cell's and the model's


def test_the_bare_command_plans_the_papers_cells(command):
    code, printed = command("--plan", search=ROTATING)
    assert code == 0 and "27 cells (3 model × 3 lr × 3 seed), 0 done, 27 to run" in printed.err
    assert "not prepared yet, goes to" in printed.err and "datasets/mnist/digits" in printed.err
    _, printed = command("--preset", "figure4", "--plan", search=ROTATING)
    assert "18 cells (2 model × 3 lr × 3 seed)" in printed.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--preset", "figure5"],
            "--preset must be one of paper, figure4, paper-exact, figure4-exact, demo in this search, got 'figure5'",
        ),
        (["--models", "3dcnn"], "unknown model '3dcnn'"),
        (["--no-download"], "has no data: drop --no-download"),
        (["--files", "nowhere"], "--videos must name files that are there, nowhere is not"),
        (["--set", "data.input_frames=20"], "data.input_frames must be below data.num_frames = 20, got 20"),
        (["--set", "model.velocities=[15]"], "velocity must be a multiple of 360/36 = 10 degrees, got 15"),
        (["--set", "data.split=official"], "unknown field 'data.split'"),
    ],
)
def test_what_cannot_run_is_refused_in_one_line(arguments, message, command):
    code, printed = command("--yes", *arguments, search=ROTATING)
    assert code == 2 and message in printed.err.splitlines()[-1]
