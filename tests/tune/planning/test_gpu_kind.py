"""Kinds of GPU: their names, and the share of each by its memory."""

import pytest

from tune.planning import gpu_kind
from tune.planning.gpu_kind import kind_of, memory_by_kind, on_kind, share_for, shares_by_memory, smallest_memory

GIB = 2**30


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["CPU", "GPU", "accelerator_type:A100"], "A100"),
        (["CPU_group_0_3f", "accelerator_type:GeForce-RTX-5090_group_0_3f"], "GeForce-RTX-5090"),
        (["CPU", "GPU"], ""),
    ],
)
def test_a_kind_is_read_from_the_names_of_resources(names, expected):
    assert kind_of(names) == expected
    assert kind_of(on_kind(expected)) == expected


@pytest.mark.parametrize(
    ("memory", "expected"), [(141, 0.25), (80, 0.5), (48, 1.0), (16, 1.0), (0, 0.25), (140.5, 0.25), (70, 0.5)]
)
def test_a_trial_has_as_much_memory_as_on_the_largest_gpu_as_far_as_there_is(memory, expected):
    assert share_for(memory, 141, 0.25) == expected


def test_the_kind_with_the_most_memory_is_preferred(monkeypatch, capsys):
    monkeypatch.setattr(gpu_kind, "memory_by_kind", lambda: {"T4": 16 * GIB, "H200": 141 * GIB, "A100": 80 * GIB})
    assert list(shares_by_memory(("A100", "H200", "T4"), 0.25).items()) == [("H200", 0.25), ("A100", 0.5), ("T4", 1.0)]
    assert not capsys.readouterr().err
    assert shares_by_memory(("H200", "X"), 0.25) == {"H200": 0.25, "X": 0.25}
    assert "the memory of X is not known: trials take 0.25 of a GPU there" in capsys.readouterr().err


def test_machines_are_asked_and_one_without_nvidias_library_does_not_know(two_cpus):
    assert memory_by_kind() == {"": smallest_memory()}
