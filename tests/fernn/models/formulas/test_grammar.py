"""All formulas up to a size: those that are meant to be there are, once, and those that units forbid are not."""

import numpy as np
import pytest
import torch

from fernn.models.formulas.grammar import families


def texts(units="none", size=7):
    """Each family as text, where c is the constant of the last term, and 1.0 any constant inside."""
    found = families(units, size)
    pairs = zip(found.base.tolist(), found.added.tolist(), strict=True)
    return [f"{found.table.tree(base)}" + f" + c*({found.table.tree(added)})" * (added >= 0) for base, added in pairs]


@pytest.mark.parametrize(("units", "size", "rows", "number"), [
    ("none", 5, 925, 813), ("angle", 7, 1496, 997), ("length", 7, 506, 217),
])  # fmt: skip
def test_how_many_there_are(units, size, rows, number):
    found = families(units, size)
    assert (len(found.table.rows), len(found.base)) == (rows, number)


def test_the_conserved_quantities_are_among_them_once():
    for units in ("angle", "none"):
        found = set(texts(units, 7 if units == "angle" else 5))
        assert len(found & {"p**2 + q**2", "q**2 + p**2", "p**2 + c*(q**2)", "q**2 + c*(p**2)"}) == 1
    assert len(set(texts("angle")) & {"p**2 + c*(cos(q))", "cos(q) + c*(p**2)"}) == 1


def test_units_allow_no_angle_of_a_momentum_and_no_sum_of_different_units():
    angle, length = texts("angle"), texts("length")
    assert "cos(q)" in angle and not any("cos(p" in text or "sin(p" in text for text in angle)
    assert not any("cos" in text or "sin" in text for text in length)
    assert "q + p" in texts("none", 5) and "q + p" not in angle and "p + c*(q)" in angle
    assert "cos(cos(q))" in texts("none", 5) and "cos(cos(q))" not in angle


def test_a_quotient_has_the_quotient_of_the_units():
    angle, length = texts("angle"), texts("length")
    assert "q / p" in angle and not any("cos(q / p)" in text for text in angle) and "cos(q / p)" in texts("none", 5)
    assert len({"q / p + c*(p)", "p + c*(q / p)"} & {*length}) == 1 and not {"q / p + p", "p + q / p"} & {*length}
    assert "q / q" not in texts("none", 5) and not any("/ 1.0*" in text for text in texts("none", 5))


def test_no_two_are_one_but_for_a_factor_an_offset_and_the_last_constant():
    found, states = families("angle", 6), torch.rand(40, 2, dtype=torch.float64) + 0.5  # no quotient is huge
    values = found.table.values(states, torch.rand(len(found.table.rows), dtype=torch.float64) + 0.5).numpy()
    plain = values[found.base[found.added < 0]]
    similar = np.abs(np.corrcoef(plain)) - np.eye(len(plain))
    assert similar.max() < 1 - 1e-9


def test_a_difference_a_product_and_a_square_have_no_constant_first():
    for text in texts("none", 5):
        assert "- 1.0*" not in text and not text.startswith("1.0*") and "*1.0*" not in text
