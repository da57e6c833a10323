"""Options of a search from Python, and refusals that name its keywords."""

from pathlib import Path

import numpy as np
import pytest

from fernn.models import ModelConfig
from tune.commands.keywords import options_from, speaking_python, with_keywords
from tune.core.study import StudyError
from tune.planning.options import Budgets, Clips, Cluster, Grid, Options, Strategy, Training


class OwnConfig(ModelConfig):
    """A class in a module."""


def test_every_keyword_is_an_option_of_the_command_line():
    options = options_from({
        "models": ["grnn", OwnConfig], "lrs": np.array([1e-3, 1e-2]), "seeds": range(2), "epochs": np.int64(3),
        "sampler": "tpe", "lr_range": [1e-5, 1], "gpus_per_trial": "auto", "cpus_per_trial": 2, "max_concurrent": None,
        "videos": "there", "data": Path("data"), "download": False, "stop_after": "6h", "plan": True,
    })  # fmt: skip
    assert options == Options(
        grid=Grid(models=("grnn", f"{__name__}:OwnConfig"), lrs=(1e-3, 1e-2), seeds=(0, 1), epochs=3),
        strategy=Strategy(sampler="tpe", lr_range=(1e-5, 1.0)),
        cluster=Cluster(gpus_per_trial="auto", cpus_per_trial=2.0),
        clips=Clips(videos=Path("there"), data="data", download=False),
        budget=Budgets(stop_after="6h"),
        plan=True,
    )
    assert options_from({}) == Options()


@pytest.mark.parametrize(
    ("given", "texts"),
    [
        ({"data.size": 16, "data.split": "official"}, ("data.size=16", 'data.split="official"')),
        ({"model.embedding_channels": (4, 8), "optim.clip_norm": None}, (
            "model.embedding_channels=[4, 8]", "optim.clip_norm=null",
        )),
        (["data.size=16"], ("data.size=16",)),
        ("data.size=16", ("data.size=16",)),
    ],
)  # fmt: skip
def test_fields_are_set_by_a_mapping_or_by_texts(given, texts):
    assert options_from({"set": given}).training == Training(set=texts)


def test_searched_fields_have_values_or_a_range():
    given = {"optim.clip_norm": [0.5, 1], "batch_size": range(8, 10), "optim.lr": "log:1e-5:1e-2"}
    texts = ("optim.clip_norm=[0.5, 1]", "batch_size=[8, 9]", "optim.lr=log:1e-5:1e-2")
    assert options_from({"search": given}).grid.search == texts


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"epoch": 3}, "unknown keyword 'epoch': did you mean 'epochs'? it must be one of preset, models, "),
        ({"epochs": "3"}, "epochs must be of type int, got '3'"),
        ({"models": "grnn"}, "models must be a list, got 'grnn'"),
        ({"preset": None}, "preset must be of type str, got None"),
        ({"sampler": "tp"}, "sampler must be one of grid, tpe, "),
        ({"lr_range": [1e-3]}, "lr_range must have 2 entries, got "),
        ({"json": 1}, "json must be of type bool, got 1"),
        ({"set": {"data.size": object()}}, "'object' object is not iterable"),
    ],
)
def test_what_is_no_option_is_refused_in_one_line_with_its_keyword(keywords, message):
    with pytest.raises(StudyError) as refusal:
        options_from(keywords)
    assert str(refusal.value).startswith(message) and "\n" not in str(refusal.value)


def test_a_class_of_a_notebook_is_refused_with_the_way_out():
    own = type("MineConfig", (ModelConfig,), {"__module__": "__main__"})
    with pytest.raises(StudyError, match=r"save it as mine.py .* and give models=\['mine:MineConfig'\]"):
        options_from({"models": [own]})


@pytest.mark.parametrize(
    ("said", "in_python"),
    [
        ("--max-price 3 needs what an hour costs: add --price-per-gpu-hour PRICE",
         "max_price 3 needs what an hour costs: add price_per_gpu_hour PRICE"),
        ("there is no data: drop --no-download", "there is no data: drop download=False"),
        ("see python tune/report.py --study s, or --models", "see python tune/report.py --study s, or models"),
    ],
)  # fmt: skip
def test_a_refusal_of_the_command_names_keywords(said, in_python):
    assert with_keywords(said) == in_python
    with pytest.raises(StudyError) as refusal, speaking_python():
        raise StudyError(said)
    assert str(refusal.value) == in_python
