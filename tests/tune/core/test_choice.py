import json
from math import inf

import pytest

from tune.core.choice import Choice, Domain, num_left


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ((("optim.lr", 1e-3),), "lr 0.001"),
        ((("optim.lr", 3e-4), ("model.hidden_channels", 32)), "lr 0.0003, hidden_channels 32"),
        ((("optim.lr", 3e-4), ("model.decoder", None)), "lr 0.0003, decoder None"),
    ],
)
def test_text_names_each_field_by_its_last_part(values, text):
    assert Choice(values).text == text


def test_choices_are_sorted_by_number_field_by_field_and_absent_fields_come_first():
    def choice(rate, width):
        return Choice((("optim.lr", rate), ("model.hidden_channels", width)))

    wanted = [choice(1e-4, 2), choice(1e-4, 10), choice(3e-3, None), choice(3e-3, 1), choice(3e-3, "wide")]
    assert sorted(reversed(wanted), key=lambda one: one.order) == wanted


@pytest.mark.parametrize(
    ("domain", "size", "text", "inside", "outside"),
    [
        (Domain((32, 64)), 2, "32, 64", 64, 48),
        (Domain(("a", None, (2, 3))), 3, "a, None, (2, 3)", (2, 3), 2),
        (Domain((), 1e-5, 1e-2, True), None, "log-uniform from 1e-05 to 0.01", 1e-5, 1.0),
        (Domain((), 0.0, 0.5), None, "uniform from 0 to 0.5", 0.0, "a"),
        (Domain((), 16, 64, True), 49, "log-uniform from 16 to 64", 17, 65),
    ],
)
def test_a_domain_is_a_list_or_a_range_and_comes_back_from_json(domain, size, text, inside, outside):
    assert (domain.size, domain.text) == (size, text) and inside in domain and outside not in domain
    assert Domain.of(json.loads(json.dumps(domain.facts()))) == domain


@pytest.mark.parametrize("bounds", [(1.0, 1.0), (2.0, 1.0), (0.0, 1.0, True), (1.0, inf)])
def test_a_range_that_means_nothing_is_refused(bounds):
    with pytest.raises(ValueError, match="a range must be LOW:HIGH with"):
        Domain((), *bounds)
    with pytest.raises(ValueError, match="a domain must have values, log or lin"):
        Domain.of({"range": [*bounds]})


def test_a_sampler_has_as_many_choices_left_as_its_domains_have():
    domains = {"optim.lr": Domain((1e-3, 1e-2)), "batch_size": Domain((8, 16))}
    choices = [Choice((("optim.lr", 1e-3), ("batch_size", 8))), Choice((("optim.lr", 1.0), ("batch_size", 8)))]
    assert [num_left(number, domains, choices) for number in (1, 3, 9)] == [0, 2, 3]
    assert num_left(9, {"optim.lr": Domain((), 1e-3, 1e-2)}, choices) == 8
