"""Proposed choices: the same for the same results, inside their domains, new, a round at a time, better than chance."""

from math import inf, log10

import pytest

from tune.analysis.objectives import Score
from tune.core.choice import Choice, Domain, lies_in
from tune.planning.sampling import ROUND, Sampler, decoded, distribution, encoded

RATES = Domain((), 1e-5, 1e-1, True)
DOMAINS = {"optim.lr": RATES, "batch_size": Domain((16, 8, 32, 64)), "model.rate": Domain((), 0.0, 1.0)}
NAMES = ["tpe", "gp", "cmaes", "random", "qmc"]


def badness(choice):
    """0 at a rate of 1e-3 and a fraction of 0.25."""
    return (log10(choice.get("optim.lr")) + 3) ** 2 + 4 * (choice.get("model.rate") - 0.25) ** 2


def next_round(sampler, tried, label="grnn"):
    return sampler.proposals(label, [*sampler.domains], tried)


def rounds_of(sampler, number):
    """All choices of the first rounds with their values."""
    tried = {}
    for _ in range(number):
        tried |= {choice: Score((-badness(choice),)) for choice in next_round(sampler, tried)}
    return tried


@pytest.mark.parametrize("name", NAMES)
def test_a_round_follows_from_the_finished_ones_alone_and_lies_inside(name):
    sampler = Sampler(name, ROUND + 2, DOMAINS)
    tried = rounds_of(sampler, 2)  # in one go
    killed = rounds_of(Sampler(name, ROUND + 2, DOMAINS), 1)  # and then begun again
    assert next_round(Sampler(name, ROUND + 2, DOMAINS), killed) == [*tried][ROUND:]
    assert len({*tried}) == ROUND + 2 and all(lies_in(choice, DOMAINS) for choice in tried)
    assert next_round(sampler, {}, "3dcnn") != [*tried][:ROUND]


@pytest.mark.parametrize("other", [Domain(("zeros", "circular")), Domain((64,))])
def test_cmaes_takes_fields_beside_numbers_that_it_cannot_evolve(other):
    domains = {"optim.lr": RATES, "model.other": other}
    tried = {}
    for _ in range(3):
        tried |= dict.fromkeys(Sampler("cmaes", 12, domains).proposals("grnn", [*domains], tried), Score((0.5,)))
    assert len(tried) == 12
    with pytest.raises(ValueError, match="--sampler cmaes must have numbers to choose"):
        Sampler("cmaes", 12, {"model.other": Domain((64,))})


@pytest.mark.parametrize("name", ["tpe", "random", "qmc", pytest.param("gp", marks=pytest.mark.soak)])
def test_several_objectives_and_constraints_are_proposed_for_as_deterministically(name):
    sampler, tried = Sampler(name, 99, DOMAINS, 2, True), {}
    for number in range(3):
        new = next_round(sampler, tried)
        assert new == next_round(sampler, dict(tried)) and len(new) == ROUND
        for choice in new:
            rate = choice.get("optim.lr")
            tried[choice] = Score((-badness(choice), -log10(rate)), (1e-3 - rate,))
        tried[new[number]] = Score((-inf, -inf), (inf,))  # it has diverged
    assert len({*tried}) == 3 * ROUND


@pytest.mark.parametrize("name", ["tpe", "cmaes"])
def test_other_values_lead_to_other_proposals(name):
    sampler = Sampler(name, 99, DOMAINS)
    tried = rounds_of(sampler, 2)
    changed = tried | {[*tried][0]: Score((9.0,))}
    assert next_round(sampler, changed) != next_round(sampler, tried)
    assert len(next_round(sampler, dict.fromkeys(tried, Score((-inf,))))) == ROUND  # all have diverged


@pytest.mark.parametrize(
    ("name", "number"), [("tpe", 40), ("cmaes", 40), pytest.param("gp", 24, marks=pytest.mark.soak)]
)
def test_proposals_gather_where_the_value_is_high(name, number):
    distances = [badness(choice) for choice in rounds_of(Sampler(name, number, DOMAINS), number // ROUND)]
    assert len(distances) == number
    assert sorted(distances[-12:])[6] < 0.3 * sorted(distances[:12])[6]


def test_nothing_is_proposed_before_a_round_is_done_or_after_the_last():
    sampler = Sampler("tpe", 6, DOMAINS)
    tried = rounds_of(sampler, 1)
    assert next_round(sampler, {**tried, [*tried][2]: None}) == []
    tried = rounds_of(sampler, 2)
    assert len(tried) == 6 and next_round(sampler, tried) == []
    outside = Choice((("optim.lr", 0.5), ("batch_size", 16), ("model.rate", 0.5)))
    assert len(next_round(sampler, {outside: None})) == ROUND  # it is kept, but does not count


@pytest.mark.parametrize("name", ["tpe", "cmaes", "random", "qmc"])
def test_a_finite_space_is_tried_out_and_then_left(name):
    domains = {"optim.lr": Domain((1e-3, 1e-2)), "batch_size": Domain((8, 16, 32)), "model.width": Domain((), 4, 5)}
    tried = {}
    while new := next_round(Sampler(name, 99, domains), tried):
        tried |= dict.fromkeys(new, Score((0.5,)))
    assert len(tried) == 12 and all(lies_in(choice, domains) for choice in tried)


def test_a_round_covers_an_axis_evenly_by_qmc():
    sampler = Sampler("qmc", 16, {"model.rate": Domain((), 0.0, 1.0)})
    tried = {}
    for _ in range(4):
        tried |= dict.fromkeys(next_round(sampler, tried), Score((0.0,)))
    assert len({int(choice.get("model.rate") * 8) for choice in tried}) == 8


def test_lists_of_numbers_are_ordered_and_real_numbers_short():
    domains = {"batch_size": Domain((16, 8)), "data.split": Domain(("a", None)), "optim.lr": Domain((), 1e-3, 1e-2)}
    choice = Choice((("batch_size", 16), ("data.split", None), ("optim.lr", 0.00512)))
    assert encoded(choice, domains) == {"batch_size": 1, "data.split": 1, "optim.lr": 0.00512}
    params = {"batch_size": 1, "data.split": 1, "optim.lr": 0.005123}
    assert decoded(params, domains, []) == choice
    assert decoded(params, domains, [choice]).get("optim.lr") == 0.005123
    assert [type(distribution(one)).__name__ for one in domains.values()] == [
        "IntDistribution", "CategoricalDistribution", "FloatDistribution",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("cmaes", 4, DOMAINS, 2), "--sampler cmaes goes with one objective and no constraint"),
        (("tpe", 0, DOMAINS), "--num-samples must"),
        (("cmaes", 4, {"a": Domain(("x", "y"))}), "must have numbers"),
    ],
)
def test_a_sampler_without_samples_or_numbers_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Sampler(*arguments)
    assert Sampler("tpe", 4, {"optim.lr": RATES}).facts()["ranges"] == {"optim.lr": {"log": [1e-5, 1e-1]}}
