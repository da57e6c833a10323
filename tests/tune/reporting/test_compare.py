"""``python tune/study.py compare``: rows side by side, what differs, and what may not stand together."""

import json

import pyarrow as pa
import pytest

from tests.support.stored_study import NARROW, finished_study, planned_study
from tune import translating_mnist_search
from tune.core.cells import plan_cells
from tune.core.folder import Folder
from tune.core.protocol import save_study
from tune.core.result import Result
from tune.core.study import Study, StudyError
from tune.reporting.compare import compared_tables, differing_fields, values

SPACE = {"model": ("grnn",), "optim.lr": (1e-3,), "seed": (0, 1)}
HITS = {("grnn", 1e-3, 0): (5, 4), ("grnn", 1e-3, 1): (5, 6)}
BETTER = {("grnn", 1e-3, 0): (9, 8), ("grnn", 1e-3, 1): (9, 8)}


@pytest.fixture
def still(tmp_path):
    return finished_study(tmp_path / "still", SPACE, HITS)


@pytest.fixture
def moving(tmp_path):
    settings = NARROW | {"data.velocity_range": 1}
    return finished_study(tmp_path / "moving", SPACE, BETTER, settings=settings)


def test_rows_stand_side_by_side_with_the_difference_to_the_first(still, moving, manage, tmp_path):
    code, out, _ = manage("compare", str(tmp_path / "still"), str(tmp_path / "moving"))
    assert code == 0 and "0.500 ± 0.141" in out and "0.800 ± 0.000" in out and "+0.300" in out
    assert "data.velocity_range: 2 in" in out and "; 1 in" in out and "data_hash" not in out


def test_programs_get_all_digits_and_every_field_that_differs(still, moving, manage, tmp_path):
    said = json.loads(manage("compare", str(tmp_path / "still"), str(tmp_path / "moving"), "--json")[1])
    assert [row["difference_to_first"] for row in said["rows"]] == pytest.approx([0.0, 0.3])
    assert said["metric"] == "accuracy" and list(said["differing_fields"]) == ["data.velocity_range"]
    assert sorted(said["differing_fields"]["data.velocity_range"].values()) == [[1], [2]]


def test_rendered_clips_are_marked_and_not_subtracted(still, manage, tmp_path):
    finished_study(tmp_path / "demo", SPACE, BETTER, demo=True)
    _, out, _ = manage("compare", str(tmp_path / "still"), str(tmp_path / "demo"))
    (line,) = [line for line in out.splitlines() if "0.800 ± 0.000" in line]
    assert "DEMO" in line and "+" not in line and "DEMO: rendered" in out and "A row has no difference" in out


def test_metrics_that_differ_are_refused(still, tmp_path):
    cells = plan_cells(translating_mnist_search.SEARCH.base, SPACE, "hash")
    digits = Study("digits", Folder(str(tmp_path / "digits")), SPACE, cells)
    save_study(digits)
    errors = [{"split": split, "id": "0", "errors": [0.5]} for split in ("validation", "test")]
    folder = digits.cell_folder(cells[0])
    folder.take_over()
    folder.finish(pa.Table.from_pylist(errors), Result(num_parameters=1))
    with pytest.raises(StudyError, match=r"one metric: 's' has accuracy, 'digits' error \(MSE\)"):
        compared_tables([still, digits])


def test_a_study_twice_one_without_a_result_and_none_are_refused(still, tmp_path, manage):
    assert manage("compare")[0] == 2
    with pytest.raises(StudyError, match="takes each study once, got 's' more than once"):
        compared_tables([still, still])
    with pytest.raises(StudyError, match="has no finished cell yet"):
        compared_tables([still, planned_study(tmp_path / "new", SPACE)])


def test_a_field_is_compared_where_both_have_it(still, tmp_path):
    wide = {"model": ("grnn", "3dcnn"), "optim.lr": (1e-3, 1e-4), "seed": (0, 1)}
    other = finished_study(tmp_path / "wide", wide, HITS)
    assert "3dcnn.base" in values(other) and "3dcnn.base" not in values(still)
    assert list(differing_fields(compared_tables([still, other]))) == ["model", "optim.lr"]
