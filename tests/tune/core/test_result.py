"""A cell's result: as it is stored, and as earlier versions stored it."""

import json

import pytest

from tune.core.result import Result

WHOLE = Result(
    key="k", epochs=3, best_epoch=2, num_parameters=10, metrics={"test/accuracy": 0.5}, train_seconds=4.0,
    validation_seconds=1.0, machine={"held": {"cpus": 2.0}}, code=({"first_epoch": 1, "code": "c"},),
)  # fmt: skip


def test_a_result_is_read_back_from_its_file():
    assert Result.of(json.loads(json.dumps(WHOLE.facts()))) == WHOLE
    assert "finished_at" not in WHOLE.facts()


def test_facts_of_other_versions_are_read():
    assert Result.of({"key": "k", "epochs": None, "of a later version": 1}) == Result(key="k")
    assert isinstance(Result.of({"train_seconds": 4}).train_seconds, float)


@pytest.mark.parametrize(
    ("name", "value"),
    [("key", 1), ("epochs", 1.5), ("epochs", True), ("metrics", [1]), ("code", ["c"]), ("finished_at", "now")],
)
def test_a_value_of_another_type_is_refused(name, value):
    with pytest.raises(TypeError, match=name):
        Result.of({name: value})


def test_the_time_and_the_resources_of_a_trial():
    assert WHOLE.seconds == 5.0 and WHOLE.held("cpus") == 2.0 and WHOLE.held("gpus") is None
    assert Result().seconds == 0.0 and Result().held("cpus") is None
