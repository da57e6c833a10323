"""Proposed learning rates: the same for the same results, in range, a round at a time."""

from math import log10

import pytest

from tests.support.stored_study import finish_cell, planned_study
from tune.planning.tpe import ROUND, Sampler, mean_value

RANGE = (1e-5, 1e-1)


def test_equal_results_lead_to_equal_proposals_and_others_to_others():
    sampler = Sampler(20, RANGE)
    first = sampler.plan("grnn", {})
    assert len(first) == len(set(first)) == ROUND and all(RANGE[0] <= rate <= RANGE[1] for rate in first)
    assert first == Sampler(20, RANGE).plan("grnn", {}) != sampler.plan("3dcnn", {})
    values = dict.fromkeys(first, 0.5)
    second = sampler.plan("grnn", values)
    assert second[:ROUND] == first and len(set(second)) == 2 * ROUND
    assert second == Sampler(20, RANGE).plan("grnn", values) != sampler.plan("grnn", {**values, first[-1]: 0.9})


def test_nothing_is_proposed_before_a_round_is_done_or_after_the_last():
    sampler = Sampler(6, RANGE)
    first = sampler.plan("grnn", {})
    assert sampler.plan("grnn", {**dict.fromkeys(first, 0.5), first[2]: None}) == first
    second = sampler.plan("grnn", dict.fromkeys(first, 0.5))
    assert len(second) == 6
    assert sampler.plan("grnn", dict.fromkeys(second, 0.5)) == second


def test_rates_outside_the_range_are_kept_but_do_not_count():
    assert len(Sampler(4, (1e-4, 1e-2)).plan("grnn", {0.5: 0.3})) == 1 + 4


def test_proposals_gather_where_accuracy_is_high():
    sampler, values = Sampler(40, RANGE), {}
    while len(rates := sampler.plan("grnn", values)) > len(values):
        values = {rate: -abs(log10(rate) + 3) for rate in rates}
    assert len(rates) == 40
    early, late = (sorted(abs(log10(rate) + 3) for rate in part) for part in (rates[:12], rates[-12:]))
    assert late[6] < 0.5 * early[6]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((4, (1e-2, 1e-4)), "--lr-range must be LOW HIGH"), ((4, (0, 1)), "got 0 1"), ((0, RANGE), "--num-samples must")],
)
def test_a_range_or_number_that_means_nothing_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Sampler(*arguments)


def test_a_sampler_goes_on_after_rates_that_diverge_in_their_first_epoch(tmp_path):
    study = planned_study(tmp_path / "s", {"model": ("grnn",), "optim.lr": (1e-1, 1e-2), "seed": (0, 1)})
    for cell, accuracy in zip(study.cells, (None, None, None, 8), strict=True):
        if accuracy is None:
            folder = study.cell_folder(cell)
            folder.take_over()
            folder.fail("the training loss is nan in epoch 1: lower optim.lr", diverged=True)
        else:
            finish_cell(study, cell, (accuracy, 4))
    assert mean_value(study, study.cells[:2]) == 0.0
    assert mean_value(study, study.cells[2:]) == pytest.approx(0.4)
