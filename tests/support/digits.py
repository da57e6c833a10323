"""What the tests of the searches on digits share."""

import json

from tune.commands.evaluate import main as evaluate

FEW = ["--preset", "demo", "--lrs", "1e-3", "--seeds", "0", "--epochs", "2", "--batch-size", "8"]
FEW += ["--set", "data.num_sequences=[16,8,8]"]


def velocities(monkeypatch, capsys, study, radius):
    """The model's document, as ``velocity_eval.py`` prints it."""
    monkeypatch.setattr("sys.argv", ["velocity_eval.py", "--study", study, "--range", radius, "--json"])
    capsys.readouterr()
    assert evaluate("velocity") == 0
    (model,) = json.loads(capsys.readouterr().out)["models"]
    return model
