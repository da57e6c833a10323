"""How two trainings of a cell differ: metrics in the order of training, versions, lost records."""

from tune.analysis.differences import Difference, Training, code_changes, differences, largest, machine_changes


def test_differences_come_in_the_order_of_training():
    one = Training([{"a": 1.0, "time/x": 1}, {"a": float("nan")}], {"a": 3.0})
    assert differences(one, Training([{"a": 1.0, "time/x": 2, "system/x": 1}, {"a": float("nan")}], {"a": 3.0})) == []
    other = Training([{"a": 1.5}, {"a": 4.0}, {"a": 1.0}], {"a": 3.25})
    found = differences(one, other)
    assert [item.where for item in found] == ["epoch 1", "epoch 2", "epoch 3", "final"]
    assert largest(found)["a"].where == "epoch 1" and one.sha256 != other.sha256


def test_the_environment_names_versions_and_lost_records():
    assert machine_changes({"host": "a", "torch": "1"}, {"host": "b", "torch": "2", "cpu": "c"}) == [
        "torch: 1 then, 2 now", "not recorded then: cpu",
    ]  # fmt: skip
    now = {"commit": "b", "diff": "x", "distributions": {"torch": "2", "new": "1"}, "command": "c"}
    then = {"x": {"commit": "a", "distributions": {"torch": "1"}, "command": "d"}}
    assert code_changes(["x", ""], then, now) == [
        "code x, commit: a then, b now",
        "code x, distributions: torch 1 then, 2 now; new absent then, 1 now",
        "code (unnamed) was not recorded then",
    ]


def test_the_hash_leaves_times_out_and_a_difference_has_a_size_where_both_have_a_value():
    quick, slow = (Training([{"a": 1.0, "time/train_seconds": seconds}], {}) for seconds in (1.0, 2.0))
    assert quick.sha256 == slow.sha256 and list(quick.numbers()) == [("epoch 1", "a")]
    assert Difference("final", "a", 1.0, 0.75).size == 0.25 and Difference("final", "a", None, 0.75).size is None
