"""The command of every measure: which studies, models and cells it takes, and what it prints."""

import json
from types import SimpleNamespace

import pyarrow as pa
import pytest

from fernn.train.run import Run
from tests.support.stored_study import finished_study, planned_study
from tune.analysis.results import model_rows
from tune.commands import evaluate
from tune.commands.evaluate import EvaluationOptions, Options, chosen_cells, open_study, show
from tune.core.cells import plan_cells
from tune.core.folder import Folder
from tune.core.protocol import save_study
from tune.core.result import Result
from tune.core.study import Study, StudyError
from tune.measures.registry import MEASURES
from tune.services.databases import MLFLOW, ViewError
from tune.translating_mnist_search import SEARCH

SPACE = {"model": ("grnn", "3dcnn"), "optim.lr": (1e-2,), "seed": (0, 1)}
HITS = {(model, 1e-2, seed): (5, 5) for model in SPACE["model"] for seed in (0, 1)}


@pytest.mark.parametrize(
    ("options", "horizon", "message"),
    [
        ({"study": "digits"}, 0, "--horizon must be 1 or more, got 0"),
        ({"study": "digits", "models": ("grn",)}, 7, "did you mean 'grnn'"),
    ],
)
def test_what_cannot_be_measured_is_refused(options, horizon, message, tmp_path):
    space = {"model": ("grnn",), "seed": (0,)}
    cells = plan_cells(SEARCH.base, space, "hash", {"model.hidden_channels": 2})
    study = Study("digits", Folder(str(tmp_path / "digits")), space, cells)
    save_study(study)
    table = pa.Table.from_pylist([{"split": s, "id": "0", "errors": [0.5]} for s in ("validation", "test")])
    folder = study.cell_folder(cells[0])
    folder.begin(Run.start(cells[0].experiment))
    folder.finish(table, Result(num_parameters=1))
    length = MEASURES["length"]
    with pytest.raises((StudyError, KeyError), match=message):
        open_study(length, Options(EvaluationOptions(storage=str(tmp_path), **options), length.settings(horizon)))


def test_a_study_without_a_result_or_a_model_to_measure_is_refused(tmp_path):
    planned_study(tmp_path / "s", SPACE)
    with pytest.raises(StudyError, match="has no finished cell: run its search first"):
        evaluate.finished_study(EvaluationOptions("s", storage=str(tmp_path)))
    finished_study(tmp_path / "t", SPACE, HITS)
    with pytest.raises(StudyError, match="--models must name a model or more, of grnn, 3dcnn"):
        evaluate.finished_study(EvaluationOptions("t", storage=str(tmp_path), models=()))


def test_cells_are_chosen_by_model_and_the_best_one_needs_mlflow(tmp_path):
    study = finished_study(tmp_path / "s", SPACE, HITS)
    rows = model_rows(study)
    assert chosen_cells(study, rows, EvaluationOptions("s"), None) == list(study.cells)
    assert chosen_cells(study, rows, EvaluationOptions("s", models=("3dcnn",)), None) == list(study.cells[2:])

    def away():
        raise ViewError(MLFLOW, "http://host", "away", "does not answer")

    with pytest.raises(StudyError, match="--which best needs MLflow, and http://host does not answer"):
        chosen_cells(study, rows, EvaluationOptions("s", which="best"), away)


def test_numbers_that_are_none_are_null_in_json_and_no_password_is_printed(tmp_path, capsys):
    study = finished_study(tmp_path / "s", SPACE, HITS)
    model = SimpleNamespace(document=lambda: {"mean": float("nan"), "of": "http://me:secret@host"})
    results = SimpleNamespace(models=[model])
    show(study, results, as_json=True)
    document = json.loads(capsys.readouterr().out)
    assert document["models"] == [{"mean": None, "of": "http://***@host"}] and document["notes"]
    show(study, None, as_json=True)
    assert json.loads(capsys.readouterr().out)["models"] == []


def test_a_study_that_is_not_there_is_refused_in_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["length_eval.py", "--study", "s", "--storage", str(tmp_path)])
    assert evaluate.main("length") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and "holds no study" in line
