"""A study's plan in its folder: it grows, keeps its protocol, and is loaded as it was planned."""

from dataclasses import replace
from itertools import product

import pytest

from fernn.experiment import Experiment
from tune.core.cells import cells_at, plan_cells
from tune.core.folder import Folder
from tune.core.protocol import check_plan, find_study, known_studies, load_study, save_study
from tune.core.study import Study, StudyError

SPACE = {"model": ("fernn-v1", "3dcnn"), "optim.lr": (1e-3, 1e-4), "seed": (0, 1, 2)}


def study(folder, space=SPACE, **settings):
    return Study("s", Folder(str(folder)), space, plan_cells(Experiment(), space, "hash", settings=settings))


def test_a_study_is_loaded_from_its_folder(tmp_path):
    planned = study(tmp_path)
    save_study(planned)
    save_study(study(tmp_path, {**SPACE, "seed": (3,)}))
    loaded = load_study(planned.folder)
    assert loaded.name == tmp_path.name and loaded.space["seed"] == (0, 1, 2, 3)
    assert set(loaded.cells) == {*planned.cells, *study(tmp_path, {**SPACE, "seed": (3,)}).cells}
    points = [tuple(cell.point(loaded.space).values()) for cell in loaded.cells]
    assert points == [*product(*loaded.space.values())]
    with pytest.raises(StudyError, match="holds no study"):
        load_study(Folder(str(tmp_path / "nothing")))


def test_all_of_a_study_is_to_be_trained_as_long_as_the_longest(tmp_path):
    save_study(study(tmp_path, epochs=3))
    save_study(study(tmp_path, {**SPACE, "seed": (0,)}, epochs=7))
    loaded = load_study(study(tmp_path).folder)
    assert len(loaded.cells) == 12 and {cell.experiment.epochs for cell in loaded.cells} == {7}
    assert {cell.key for cell in study(tmp_path, {**SPACE, "seed": (0,)}, epochs=7).cells} <= {
        cell.key for cell in loaded.cells
    }
    with pytest.raises(StudyError, match="trains 7 epochs, not 5: give the shorter training another name"):
        save_study(study(tmp_path, epochs=5))


def test_other_searched_fields_are_another_study(tmp_path):
    save_study(study(tmp_path))
    with pytest.raises(StudyError, match="learning rates and seeds alone, not data.velocity_range: give the other"):
        save_study(study(tmp_path, {**SPACE, "data.velocity_range": (2,)}))


def test_data_that_is_not_there_yet_is_not_compared(tmp_path):
    save_study(study(tmp_path))
    unknown = plan_cells(Experiment(), SPACE, "")
    check_plan(Study("s", Folder(str(tmp_path)), SPACE, unknown))


def test_a_sampled_study_knows_what_is_still_to_be_proposed(tmp_path):
    sampling = {"sampler": "tpe", "num_samples": 5, "lr_range": [1e-4, 1e-2]}
    save_study(replace(study(tmp_path), sampling=sampling))
    loaded = load_study(study(tmp_path).folder)  # as version 0.1 has written it
    assert loaded.num_to_come == (5 - 2) * 2 * 3
    assert loaded.sampling == {"sampler": "tpe", "num_samples": 5, "ranges": {"optim.lr": {"log": [1e-4, 1e-2]}}}


TUNED = {
    "model": ("grnn",), "optim.lr": (1e-3,), "batch_size": (8, 16), "grnn.model.embedding_channels": ((2,), (2, 3)),
    "seed": (0,),
}  # fmt: skip


def test_a_study_of_tuned_fields_is_loaded_with_its_choices(tmp_path):
    points = [
        {"model": "grnn", "optim.lr": 1e-3, "batch_size": size, "model.embedding_channels": channels, "seed": 0}
        for size, channels in product(*map(TUNED.get, ("batch_size", "grnn.model.embedding_channels")))
    ]
    names, cells = ("batch_size", "grnn.model.embedding_channels"), cells_at(Experiment(), points, "hash")
    proposed = {"grnn": [{"optim.lr": 1e-3, "batch_size": 8, names[1]: (2, 3)}]}
    planned = Study("s", Folder(str(tmp_path)), TUNED, cells, tuned=names, proposed=proposed)
    save_study(planned)
    save_study(replace(planned, cells=cells[:1]))
    loaded = load_study(planned.folder)
    assert (loaded.cells, loaded.space, loaded.tuned, loaded.groups) == (cells, TUNED, names, planned.groups)
    assert loaded.proposed == {"grnn": [{"optim.lr": 1e-3, "batch_size": 8, names[1]: [2, 3]}]}
    assert loaded.label(cells[1]) == "grnn lr 0.001, batch_size 8, embedding_channels (2, 3) seed 0"
    with pytest.raises(StudyError, match="searches models, .* alone, not batch_size, grnn.model.embedding_channels"):
        save_study(study(tmp_path / "other"))
        save_study(replace(planned, folder=Folder(str(tmp_path / "other"))))


def test_a_study_grows_but_keeps_its_protocol(tmp_path):
    save_study(study(tmp_path))
    save_study(study(tmp_path, {**SPACE, "model": ("grnn",), "seed": (0, 1, 2, 3)}, epochs=501))
    with pytest.raises(StudyError, match="begun with fernn-v1.hidden_channels = 128, not 8"):
        save_study(study(tmp_path, epochs=501, **{"model.hidden_channels": 8}))
    with pytest.raises(StudyError, match="data.velocity_range = 2, not 1"):
        save_study(study(tmp_path, epochs=501, **{"data.velocity_range": 1}))


@pytest.mark.parametrize(
    ("name", "value"),
    [("demo", "yes"), ("partial", [1]), ("data", None), ("sampling", []), ("space", {"seed": 3}), ("epochs", "5")],
)
def test_a_field_of_another_type_is_refused_with_the_file(tmp_path, name, value):
    planned = study(tmp_path)
    save_study(planned)
    planned.folder.write_json("study.json", planned.folder.read_json("study.json") | {name: value})
    with pytest.raises(StudyError, match="study.json cannot be read: TypeError"):
        load_study(planned.folder)


def test_the_facts_of_a_study_are_loaded_as_they_were_saved(tmp_path):
    facts = {"demo": True, "partial": ("a.avi",), "stand_in": "digits", "data": "/data/kth", "scheduler": "halving"}
    save_study(replace(study(tmp_path), **facts))
    loaded = load_study(Folder(str(tmp_path)))
    assert {name: getattr(loaded, name) for name in facts} == facts and len(loaded.id) == 32


def test_an_older_name_of_the_scheduler_is_read(tmp_path):
    planned = study(tmp_path)
    save_study(planned)
    planned.folder.write_json("study.json", planned.folder.read_json("study.json") | {"scheduler": "asha"})
    assert load_study(planned.folder).stops_early


def test_a_study_is_found_by_name_or_folder_and_a_misspelt_name_by_the_nearest(tmp_path):
    save_study(study(tmp_path / "kth-demo"))
    assert known_studies(str(tmp_path)) == ["kth-demo"]
    assert find_study("kth-demo", str(tmp_path)).cells == find_study(tmp_path / "kth-demo", "nowhere").cells
    with pytest.raises(StudyError, match="unknown study 'kth-dmo': did you mean 'kth-demo'"):
        find_study("kth-dmo", str(tmp_path))
