"""Data that is not what its data set is named for is marked everywhere, and compares with no published number."""

import json

from data.mnist.prepare import prepare
from tests.data.mnist.layouts import four_files
from tests.support.stored_study import finished_study
from tune.analysis.plotting import marks
from tune.commands.service_checks import data_folder
from tune.core.protocol import load_study
from tune.measures.velocity_results import origin
from tune.reporting.compare import compared_tables, document
from tune.reporting.table import Table
from tune.tracking.ui_views import mark_tags
from tune.translating_mnist_search import SEARCH

SPACE = {"model": ("3dcnn",), "optim.lr": (1e-3,), "seed": (0,)}
HITS = {("3dcnn", 1e-3, 0): (5, 5)}
FASHION = "Fashion-MNIST, not MNIST"
OWN = "digits of your own, not MNIST"


def test_a_plan_says_what_the_digits_are_and_other_files_than_the_prepared_are_refused(command, tmp_path):
    for seed in (0, 1):
        four_files(tmp_path / f"files{seed}", str, seed)
    prepare(tmp_path / "datasets/mnist", files=tmp_path / "files0")
    code, (_, err) = command("--plan", "--models", "grnn", search=SEARCH)
    assert code == 0 and f", 80 clips, STAND-IN: {OWN}" in err
    code, (out, _) = command("--plan", "--models", "grnn", "--json", search=SEARCH)
    assert code == 0 and [json.loads(line)["stand_in"] for line in out.splitlines() if '"plan"' in line] == [OWN]
    code, (_, err) = command("--plan", "--files", tmp_path / "files0", search=SEARCH)
    assert code == 0, err
    code, (_, err) = command("--plan", "--files", tmp_path / "files1", search=SEARCH)
    assert code == 2 and "digits holds digits of your own" in err and "other digits: give another folder" in err
    assert "STAND-IN" in data_folder(tmp_path / "datasets/mnist/digits").text


def test_a_study_keeps_the_mark_and_shows_it_in_every_form(tmp_path, manage):
    finished_study(tmp_path / "s", SPACE, HITS, stand_in=FASHION)
    study = load_study(finished_study(tmp_path / "s", SPACE, HITS, stand_in=FASHION).folder)
    assert study.stand_in == FASHION and marks(study) == [f"stand-in: {FASHION}"]
    assert mark_tags(study)["fernn.stand_in"] == FASHION and FASHION in "".join(mark_tags(study).values())
    assert origin(study, study.cells[0])["stand_in"] == FASHION
    code, out, _ = manage("show", "s")
    assert code == 0 and "study s, STAND-IN" in out and f"STAND-IN: {FASHION}; these numbers compare with no" in out
    code, out, _ = manage("list", "--json")
    assert code == 0 and json.loads(out)["studies"][0]["stand_in"] == FASHION


def test_a_study_on_the_data_itself_is_written_as_before(tmp_path):
    study = finished_study(tmp_path / "s", SPACE, HITS)
    assert "stand_in" not in study.folder.read_json("study.json") and "fernn.stand_in" not in mark_tags(study)
    assert load_study(study.folder).stand_in == "" and marks(study) == []


def test_numbers_of_other_data_are_not_compared_as_if_of_the_same(tmp_path):
    whole, other = (
        finished_study(tmp_path / name, SPACE, HITS, **fact) for name, fact in (("a", {}), ("b", {"stand_in": FASHION}))
    )
    comparison = compared_tables([whole, other])
    assert [one["stand_in"] for one in document(comparison)["studies"]] == [None, FASHION]
    assert [row["difference_to_first"] for row in document(comparison)["rows"] if "STAND-IN" in row["marks"]] == [None]
    assert Table.of(whole).obstacles != Table.of(other).obstacles
