"""A user's own model, as docs/extend/model.md shows it: searched, reported and loaded beside the others."""

import inspect
import json
import re
import sys
from pathlib import Path

import pytest
import torch

import tune
from fernn.experiment import Experiment
from fernn.models import import_model, model_config, source_hash
from fernn.models.own import NAMED, StoredConfig, UnnamedModelError
from tune.core.cells import plan_cells
from tune.core.protocol import import_models
from tune.core.study import Cell, cell_of
from tune.engine.cost import measured

SMALL = ["--lrs", "1e-3", "--set", "data.size=8", "--set", "model.hidden_channels=4"]
PAGE = Path(__file__).parents[2] / "docs/extend/model.md"


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """The page's module in a folder that Python knows nothing of, from which the test is started."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (code,) = [block for block in blocks if "class MineConfig" in block]
    (tmp_path / "mine.py").write_text(code, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    NAMED.clear()
    for name in ("mine", "failing", "other", "dropping"):
        sys.modules.pop(name, None)


@pytest.mark.soak
def test_it_is_searched_reported_and_loaded_beside_the_others(two_cpus, command, prepared, mine):
    both = ["--models", "grnn", "mine:MineConfig", "--seeds", "0", "--epochs", "1", "--set", "model.width=4"]
    code, (out, err) = command("--data", prepared, *SMALL, *both)
    assert code == 0, err
    assert re.search(r"MineConfig +│ 282 ", out)
    network, experiment = tune.load_best("kth-paper", "mine:MineConfig")
    assert network(torch.rand(2, 16, 1, 8, 8)).shape == (2, 6) and experiment.model.width == 4
    assert [path.name for path in (mine / "studies/kth-paper/cells").glob("MineConfig_lr0.001_seed0_*")]


BROKEN = """
import torch
from dataclasses import dataclass
from fernn.models import ModelConfig


class Broken(torch.nn.Linear):
    def forward(self, clips):
        raise RuntimeError("five is right out")


@dataclass(frozen=True)
class BrokenConfig(ModelConfig):
    name: str = "failing:BrokenConfig"

    def build(self, *, in_channels=1, num_classes=6):
        return Broken(1, 1)
"""


def test_a_model_that_fails_is_refused_before_it_is_trained(mine, command, prepared, monkeypatch):
    (mine / "failing.py").write_text(BROKEN, encoding="utf-8")
    monkeypatch.setattr("tune.engine.cost.measured", measured)
    code, (_, err) = command("--data", prepared, *SMALL[:-2], "--models", "failing:BrokenConfig", "--seeds", "0")
    assert code == 2
    assert err.splitlines()[-1] == (
        "error: model 'failing:BrokenConfig' fails in its first training step: five is right out"
    )


@pytest.mark.soak
def test_a_model_that_fails_in_its_trial_is_named(mine, command, prepared, two_cpus):
    (mine / "failing.py").write_text(BROKEN, encoding="utf-8")
    code, (_, err) = command("--data", prepared, *SMALL[:-2], "--models", "failing:BrokenConfig", "--seeds", "0")
    assert code == 1 and "BrokenConfig lr 0.001 seed 0 failed: RuntimeError: five is right out" in err


def test_changed_code_is_another_cell_and_equal_names_are_refused(mine):
    def cells(*models):
        for model in models:
            import_model(model)
        return plan_cells(Experiment(), {"model": models, "seed": (0,)}, "hash")

    before = cells("mine:MineConfig")[0]
    text = (mine / "mine.py").read_text(encoding="utf-8")
    (mine / "mine.py").write_text(text.replace("padding=2", "padding=0"), encoding="utf-8")
    assert cells("mine:MineConfig")[0].key != before.key
    (mine / "other.py").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="names of their own, got mine:MineConfig and other:MineConfig"):
        cells("mine:MineConfig", "other:MineConfig")


def test_its_fields_are_fields_of_the_experiment(mine):
    import_model("mine:MineConfig")
    experiment = Experiment().override({"model": "mine:MineConfig", "model.width": 8})
    assert experiment.flatten()["model.name"] == "mine:MineConfig" and experiment.model.label == "MineConfig"
    assert Experiment().override(experiment.flatten()) == experiment
    text = (mine / "mine.py").read_text(encoding="utf-8")
    text = text.replace("    width: int = 32", "    dropout: float = 0\n    width: int = 32")
    (mine / "dropping.py").write_text(text, encoding="utf-8")
    import_model("dropping:MineConfig")
    made = Cell(Experiment().override({"model": "dropping:MineConfig"}), "hash", source_hash("dropping:MineConfig"))
    assert cell_of(json.loads(json.dumps(made.config()))).key == made.key


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere:Config", r"cannot be imported \(No module named 'nowhere'\): install it, or run from its folder"),
        ("mine:Missing", "has no attribute 'Missing'"),
        ("mine:MeanFrame", "must be a class derived from fernn.models.ModelConfig"),
        ("broken:Config", r"cannot be imported \(division by zero\)"),
        ("needy:NeedyConfig", "must have a default for every field"),
    ],
)
def test_what_is_no_model_is_refused_by_name(name, message, mine):
    lines = ["from dataclasses import dataclass", "from fernn.models import ModelConfig", "@dataclass(frozen=True)"]
    (mine / "needy.py").write_text("\n".join([*lines, "class NeedyConfig(ModelConfig):", "    width: int"]))
    (mine / "broken.py").write_text("1 / 0")
    with pytest.raises(ValueError, match=message):
        import_model(name)


def test_a_file_says_what_it_is_and_only_the_user_brings_it_in(mine):
    """What a cell's config says of it is the same cell before the class is named, after, and after it has changed."""
    import_model("mine:MineConfig")
    experiment = Experiment().override({"model": "mine:MineConfig", "model.width": 8})
    made = Cell(experiment, "hash", source_hash("mine:MineConfig"))
    config = json.loads(json.dumps(made.config()))
    assert cell_of(config) == made
    NAMED.clear()
    unnamed = cell_of(config)
    assert isinstance(unnamed.experiment.model, StoredConfig)
    assert (unnamed.key, unnamed.name, unnamed.experiment.flatten()) == (made.key, made.name, made.experiment.flatten())
    with pytest.raises(UnnamedModelError, match="--models mine:MineConfig"):
        unnamed.experiment.model.build()
    with pytest.raises(UnnamedModelError, match="--models mine:MineConfig"):
        model_config("mine:MineConfig")
    import_model("mine:MineConfig")
    assert type(cell_of(config).experiment.model).__name__ == "MineConfig"
    (mine / "mine.py").write_text("# changed since\n" + (mine / "mine.py").read_text())
    assert isinstance(cell_of(config).experiment.model, StoredConfig) and cell_of(config).key == made.key


def test_load_best_takes_own_models(mine):
    """The function that users call has what the page promises of it."""
    assert "models" in inspect.signature(tune.load_best).parameters
    with pytest.raises(ValueError, match="must be in a module"):
        tune.load_best("s", "x", models=[type("X", (), {"__module__": "__main__"})])
    with pytest.raises(ValueError, match="not looked for in .*, where studies are kept"):
        tune.load_best("s", "x", storage=".", models=["mine:MineConfig"])


@pytest.mark.parametrize("place", ["studies", "studies/s", "."])
def test_no_model_is_imported_from_among_the_studies(mine, place, monkeypatch):
    """Neither as a package of the current folder nor as a module of one that is on Python's path."""
    home = mine / "here" / place
    home.mkdir(parents=True, exist_ok=True)
    (home / "payload.py").write_text("raise SystemExit('imported')")
    monkeypatch.chdir(mine / "here")
    monkeypatch.syspath_prepend(home)
    dotted = "" if place == "." else place.replace("/", ".") + "."
    for name in (f"{dotted}payload:X", "payload:X"):
        with pytest.raises(ValueError, match="cannot be imported"):
            import_models([name], "." if place == "." else "studies")
    assert str(home) in sys.path
