"""What every measure keeps to, and a measure from outside that the command, the report and MLflow take."""

import csv
import importlib.util
import json
import re
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch

from fernn.config import DATA
from tune import measure_eval, report
from tune.commands import evaluate
from tune.commands.evaluate import EvaluationOptions, Options, open_study
from tune.core.cell_folder import CellFolder
from tune.core.cells import plan_cells
from tune.core.folder import DamagedError, Folder
from tune.core.identity import fork
from tune.core.protocol import load_study
from tune.core.search_spec import searches
from tune.core.study import Study, StudyError
from tune.measures.measure import ResultFile
from tune.measures.registry import MEASURES
from tune.tracking.mlflow_tracker import Tracker

DOCUMENT = Path(__file__).parents[3] / "docs/extend/measure.md"
PREDICTORS = ("translating-mnist", "rotating-mnist", "moving-mnist", "kth-video")
DEFINED = {
    "velocity": ("kth", *PREDICTORS),
    "length": ("translating-mnist", "rotating-mnist"),
    "quality": (*PREDICTORS, "physics101", "controlled-pendulum"),
}


def test_every_measure_is_tested_here():
    assert DEFINED.keys() == MEASURES.keys() and all(name == one.name for name, one in MEASURES.items())


@pytest.mark.parametrize("measure", DEFINED)
@pytest.mark.parametrize("data", DATA)
def test_every_measure_says_in_one_sentence_on_which_data_it_is_defined(measure, data, monkeypatch, tmp_path):
    base = searches()[data].base.override({"data.name": data})
    study = Study("s", Folder(str(tmp_path)), {}, plan_cells(base, {"seed": (0,)}, "hash"))
    monkeypatch.setattr(evaluate, "finished_study", lambda options: study)
    one = MEASURES[measure]
    options = Options(EvaluationOptions("s"), one.settings())
    if data in DEFINED[measure]:
        assert open_study(one, options) is study
        return
    with pytest.raises(StudyError) as refused:
        open_study(one, options)
    sentence = str(refused.value)
    names, seen = ", ".join(DEFINED[measure]), [name for name in DEFINED if data in DEFINED[name]]
    assert re.search(rf"^{one.title} is defined for [a-z ]+ \({names}\), not for {data}: see ", sentence)
    assert sentence.endswith("python tune/report.py --study s") and "\n" not in sentence
    assert [name for name in MEASURES if MEASURES[name].command in sentence] == seen


@pytest.fixture
def noise(tmp_path, monkeypatch):
    """The measure that the document shows, in a file of this test, and the line that registers it."""
    code, line = re.findall(r"```(?:python|text)\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    (tmp_path / "noise.py").write_text(code)
    spec = importlib.util.spec_from_file_location("noise_from_outside", tmp_path / "noise.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    (registered,) = eval(f"{{{line}}}", {"Noise": module.Noise}).items()
    monkeypatch.setitem(MEASURES, *registered)
    return registered[1]


@pytest.fixture
def typed(study, tmp_path, monkeypatch, capsys, footage):
    """Runs measure_eval.py on the study: its exit code, what it prints, and what it says on standard error."""

    def run(*words):
        capsys.readouterr()
        monkeypatch.setattr("sys.argv", ["measure_eval.py", *words, "--study", "s", "--storage", str(tmp_path)])
        code = measure_eval.named(sys.argv)
        return code, *capsys.readouterr()

    fork(study.folder)  # a copy is a study of its own
    monkeypatch.setattr(evaluate, "opened_data", lambda study, one, given: nullcontext(footage))
    return run


def test_a_measure_from_outside_is_measured_resumed_and_shown(noise, typed, study, tmp_path, monkeypatch):
    words = ("noise", "--strengths", "0", "0.5", "--models", "grnn")
    numbers, measured = type(noise).numbers, []

    def stopped_in_the_second_cell(self, run, clips, settings):
        if len(measured) == 1:
            raise KeyboardInterrupt
        measured.append(run)
        yield from numbers(self, run, clips, settings)

    monkeypatch.setattr(type(noise), "numbers", stopped_in_the_second_cell)
    code, _, err = typed(*words)
    assert code == 130 and "stopped: the results so far are kept" in err, err
    monkeypatch.setattr(type(noise), "numbers", numbers)
    code, out, err = typed(*words, "--json")
    assert code == 0 and "s, 1 cells: 2 of 2 passes over the test clips" in err, err
    (model,) = json.loads(out)["models"]
    done = {cell.experiment.seed: study.cell_folder(cell).done() for cell in study.cells if cell.key in kept(study)}
    assert {seed: values["noise_0"] for seed, values in model["seeds"].items()} == {
        str(seed): facts.metrics["test/accuracy"] for seed, facts in done.items()
    }
    code, out, err = typed(*words)
    assert code == 0 and "nothing to do: 2 cells are measured, and MLflow shows them" in err
    assert "s: robustness against noise" in out and "DEMO" in out and "2 times by noise evaluation" not in out
    assert "3 times by noise evaluation" in out  # the interrupted one, too

    assert report.main(report.Options("s", storage=str(tmp_path))) == 0
    (line,) = csv.DictReader((tmp_path / "s/report/noise.csv").read_text().splitlines())
    assert (line["marks"], line["model"], line["n"]) == ("DEMO", "grnn", "2") and "±" in line["noise_0.5"]
    assert "robustness against noise" in (tmp_path / "s/report/report.html").read_text()

    tracker = Tracker(load_study(study.folder), f"sqlite:///{tmp_path}/mlflow.db")
    run = tracker.tree.read("model/grnn")
    assert run.data.metrics["noise/noise_0.5"] == model["numbers"]["noise_0.5"]["mean"]
    assert [file.path for file in tracker.client.list_artifacts(run.info.run_id, "noise")] == ["noise/noise.json"]


def kept(study):
    """The keys of the cells that have a result of the measure."""
    return {cell.key for cell in study.cells if study.cell_folder(cell).folder.has("noise.json")}


def test_a_result_is_sealed_and_is_of_its_weights_and_settings(noise, footage, study):
    (one,) = noise.measurements(study, study.cells[:1], noise.settings())
    (other,) = noise.measurements(study, study.cells[:1], noise.settings(strengths=(0.25,)))
    one.measure(footage, lambda count: None)
    assert one.result()["num_clips"] == 30 and other.result() is None
    assert noise.ways(study, study.cells) == [noise.settings()]
    content = one.folder.folder.read("noise.json")
    one.folder.folder.write("noise.json", content.replace(b'"num_clips": 30', b'"num_clips": 31'))
    with pytest.raises(DamagedError, match=r"delete noise.json, and python tune/measure_eval.py noise measures it"):
        one.result()


@pytest.mark.parametrize("word", ["nois", "--study"])
def test_a_word_that_is_no_measure_is_refused(word, typed):
    code, _, err = typed(word)
    assert (
        code == 2
        and err == f"error: the first word must be a measure, one of velocity, length, quality, got {word!r}\n"
    )


SUBJECT = {"key": "k", "horizon": 3}


@pytest.fixture
def file(tmp_path):
    return ResultFile(CellFolder(Folder(str(tmp_path))), "length.json", "length_eval.py", ("mean",))


def test_a_result_and_its_tensors_are_read_where_they_are_of_the_subject(file):
    assert file.read() is None and file.tensors_of(SUBJECT) == {}
    file.write({"subject": SUBJECT, "mean": [0.5]}, {"clips": torch.ones(2)})
    assert file.read(SUBJECT) == {"subject": SUBJECT, "mean": [0.5]}
    assert torch.equal(file.tensors_of(SUBJECT)["clips"], torch.ones(2))
    other = SUBJECT | {"horizon": 4}
    assert file.read(other) is None and file.tensors_of(other) == {}


def test_a_result_without_tensors_leaves_none(file):
    file.write({"subject": SUBJECT, "mean": [0.5]})
    assert file.folder.folder.children("") == ["length.json"]


def test_a_file_that_lacks_a_needed_field_is_damaged_and_the_command_measures_again(file):
    file.write({"subject": SUBJECT})
    with pytest.raises(DamagedError, match=r"delete length.json, and python tune/length_eval.py measures it again"):
        file.read()
