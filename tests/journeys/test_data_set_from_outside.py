"""The data set of docs/extend/data-set.md, from outside: prepared, its demo made, streamed and trained on."""

import re
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest

import data
from data import registry
from fernn import config
from fernn.experiment import Experiment
from fernn.train.loop import fit
from fernn.train.run import Run

PAGE = Path(__file__).parents[2] / "docs/extend/data-set.md"
BLOCK = re.compile(r"```python\n# (data/dots/\w+\.py)\n(.*?)```", re.DOTALL)
SMALL = {"num_sequences": [16, 8, 8]}


@pytest.fixture
def dots(tmp_path, monkeypatch):
    """The page's data set, in a folder outside of the repository, registered by the page's line."""
    for path, text in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    monkeypatch.setattr(data, "__path__", [*data.__path__, str(tmp_path / "data")])
    monkeypatch.setattr(registry, "DATA_SETS", dict(registry.DATA_SETS))
    monkeypatch.setattr("fernn.config.DATA", config_of := dict(config.DATA))
    name, value = re.search(r'^    "(dots)": "(.*)",$', PAGE.read_text(encoding="utf-8"), re.MULTILINE).groups()
    module, _, attribute = value.partition(":")
    registry.register_data_set(getattr(import_module(module), attribute))
    assert registry.data_set(name).config == config_of[name]
    yield registry.data_set(name)
    for module in [module for module in sys.modules if module.startswith("data.dots")]:
        del sys.modules[module]


def test_it_is_prepared_once(dots, tmp_path):
    asked = dots.config.override(SMALL)
    manifest = dots.prepare(tmp_path / "out", asked, None)
    home = dots.folder_of(tmp_path / "out", asked)
    manifest.verify(home)
    assert dots.prepare(tmp_path / "out", asked, None) == manifest and not manifest.demo
    assert dots.num_clips(asked, None, False) == dots.num_clips(asked, manifest, False)


def test_a_model_of_another_family_trains_on_its_demo(dots, tmp_path, two_cpus):
    asked = {"data.name": "dots", "model": "grnn", "data.num_sequences": [16, 8, 8], "epochs": 1, "batch_size": 4}
    small = {"model.hidden_channels": 4, "model.embedding_channels": [3]}
    experiment = Experiment().override(asked | small)
    assert Experiment().override(experiment.flatten()) == experiment
    manifest = dots.prepare_demo(tmp_path / "out", experiment.data)
    assert manifest.demo
    corpus = registry.data_set(experiment.data.name).read(dots.folder_of(tmp_path / "out", experiment.data), manifest)
    stream = corpus.stream(experiment.data, experiment.batch_size)
    assert {split: stream.num_clips(split) for split in ("train", "validation", "test")} == manifest.clips["dots"]
    (row,) = fit(Run.start(experiment), stream)
    assert 0 <= row["validation/accuracy"] <= 1 and row["train/loss"] > 0


def test_the_name_of_another_data_set_is_refused(dots):
    with pytest.raises(ValueError, match="data.name must be new, 'kth' is the name of KTHConfig"):
        registry.register_data_set(replace(dots, config=replace(dots.config, name="kth")))
    with pytest.raises(KeyError, match="unknown data set 'dotz': did you mean 'dots'?"):
        registry.data_set("dotz")
