"""A warm start: which points of another study the sampler gets, that they stay, and when there are none."""

import shutil
from dataclasses import replace

import pytest

from fernn.train.task import ACCURACY, ERROR
from tests.support.stored_study import finished_study
from tune.analysis.objectives import Score
from tune.core.choice import Choice, Domain
from tune.core.folder import Folder
from tune.core.protocol import load_study, save_study
from tune.core.study import Study, StudyError
from tune.planning.choices import foreign_scores
from tune.planning.sampling import NONE, Sampler
from tune.planning.warm_start import foreign_points

SPACE = {"model": ("grnn", "3dcnn"), "optim.lr": (1e-1, 1e-2, 1e-3, 1e-4), "seed": (0, 1)}
HITS = {("grnn", 1e-1, 0): (9, 4), ("grnn", 1e-1, 1): (9, 4), ("grnn", 1e-3, 0): (4, 4), ("grnn", 1e-3, 1): (6, 4),
        ("grnn", 1e-2, 0): (8, 4), ("3dcnn", 1e-2, 0): (8, 4)}  # fmt: skip
RATES = {"optim.lr": Domain((), 1e-4, 1e-2, True)}


@pytest.fixture
def storage(tmp_path):
    """A study in which one choice inside the range has all its seeds."""
    finished_study(tmp_path / "old", SPACE, HITS)
    return str(tmp_path)


def begun(storage, given="old", sampler="tpe", metric=ACCURACY, **more):
    study = Study("new", Folder(storage) / "new", {"model": ("grnn",), "optim.lr": (), "seed": (0,)}, (), **more)
    return replace(study, foreign=foreign_points(study, Sampler(sampler, 9, RATES), metric, given, storage))


def test_finished_choices_in_range_are_copied_and_stay(storage, tmp_path):
    study = begun(storage)
    choice = Choice((("optim.lr", 1e-3),))
    assert foreign_scores(study.foreign, "grnn") == {choice: Score((0.5,))} and study.foreign["study"] == "old"
    assert foreign_scores(study.foreign, "3dcnn") == foreign_scores({}, "grnn") == {}
    old = load_study(Folder(str(tmp_path / "old")))
    save_study(replace(old, folder=study.folder, cells=(), foreign=study.foreign))
    shutil.rmtree(tmp_path / "old")
    assert begun(storage).foreign == begun(storage, None).foreign == study.foreign
    with pytest.raises(StudyError, match="was begun with --warm-start old, not other: give it so, or another --study"):
        begun(storage, "other")


def test_points_have_the_objectives_of_the_new_study(storage):
    study = begun(storage, objectives=("num_parameters", "validation/accuracy"), constraints=("law_error<=1",))
    assert list(foreign_scores(study.foreign, "grnn").values()) == [Score((-1234.0, 0.5), (-1.0,))]


def test_other_objectives_want_a_study_of_their_own(storage):
    study = begun(storage)
    save_study(replace(load_study(Folder(storage) / "old"), folder=study.folder, cells=(), foreign=study.foreign))
    with pytest.raises(StudyError, match="its warm start was for validation/accuracy: give other objectives another"):
        begun(storage, objectives=("validation/accuracy", "num_parameters"))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"given": "odl"}, "unknown study 'odl': did you mean 'old'"),
        ({"sampler": "qmc"}, "--warm-start goes with --sampler tpe, gp or cmaes: qmc looks at no results"),
        ({"metric": ERROR}, r"must be a study with error \(MSE\), old has accuracy"),
        ({"tuned": ("batch_size",)}, "of the same models and conditions, .* old has none"),
    ],
)
def test_a_warm_start_without_a_point_is_refused(more, message, storage, monkeypatch):
    if "tuned" in more:
        monkeypatch.setitem(RATES, "batch_size", Domain((3, 5)))
    with pytest.raises(StudyError, match=message):
        begun(storage, **more)


@pytest.mark.parametrize("name", ["tpe", "cmaes"])
def test_a_sampler_proposes_around_another_studys_best_from_the_first_round(name):
    domains = {"model.rate": Domain((), 0.0, 1.0), "model.depth": Domain((), 0.0, 1.0)}
    values = [(x / 4, y / 4) for x in range(5) for y in range(5)]
    foreign = {
        Choice((("model.rate", x), ("model.depth", y))): Score((-((x - 0.75) ** 2) - (y - 0.25) ** 2,))
        for x, y in values
    }
    sampler = Sampler(name, 12, domains)

    def distances(known):
        found, tried = [], {}
        for _ in range(3):
            new = sampler.proposals("grnn", [*domains], tried, known)
            assert new == sampler.proposals("grnn", [*domains], dict(tried), known)
            far = [abs(one.get("model.rate") - 0.75) + abs(one.get("model.depth") - 0.25) for one in new]
            tried |= {one: Score((-part,)) for one, part in zip(new, far, strict=True)}
            found += far
        return sorted(found)

    assert distances(foreign)[6] < distances(NONE)[6]
