"""Formulas as text, trees and numbers: what is written reads back, what is read has the numbers that it says."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fernn.models.formulas.tree import SCALED, Formula, parse

LEAVES = st.sampled_from([Formula("q"), Formula("p")])
NUMBERS = st.floats(-99, 99).filter(bool).map(lambda number: float(f"{number:.3g}"))


def scaled(part):
    return part if part.operator == SCALED else Formula(SCALED, (part,), -2.5)


def grown(part):
    plain = part.filter(lambda one: one.operator != SCALED)
    return st.one_of(
        st.builds(lambda name, one: Formula(name, (one,)), st.sampled_from(["square", "sin", "cos"]), part),
        st.builds(lambda one, number: Formula(SCALED, (one,), number), plain, NUMBERS),
        st.builds(lambda name, one, two: Formula(name, (one, two)), st.sampled_from(["+", "*", "/"]), part, part),
        st.builds(lambda one, two: Formula("-", (one, two)), part, plain),
    )


FORMULAS = st.recursive(LEAVES, grown, max_leaves=5)


@given(formula=FORMULAS)
def test_the_text_reads_back_with_the_same_numbers(formula):
    again, states = parse(str(formula)), torch.randn(7, 2, dtype=torch.float64)
    assert again.constants() == pytest.approx(formula.constants()) and str(again) == str(formula)
    torch.testing.assert_close(again.of(states), formula.of(states), equal_nan=True)


def test_the_text_is_pythons_and_means_what_python_means():
    text = "p**2 - 2.99*cos(q + 0.5*p) + sin(q)*(q - p)**2 / (p / q)"
    formula, q, p = parse(text), 0.3, -1.2
    assert str(formula) == text and formula.constants() == [-2.99, 0.5]
    expected = eval(text, {"q": q, "p": p, "sin": math.sin, "cos": math.cos})
    assert formula.of(torch.tensor([q, p], dtype=torch.float64)).item() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("-q", "-1.0*q"),
        ("q - -3*p", "q + 3.0*p"),
        ("q + -3*p", "q - 3.0*p"),
        ("-(3*q)", "-3.0*q"),
        ("q - (p + q)", "q - (p + q)"),
        ("p*(q*p)", "p*(q*p)"),
        ("q**2.0", "q**2"),
    ],
)
def test_what_is_written_in_another_way(text, means):
    assert str(parse(text)) == means


@pytest.mark.parametrize(
    "text",
    [
        "", "3", "q + 1", "q/2", "p**3", "x", "True*q", "nan*q", "1e999*q", "sin(q, p)", "f(q)", "q\0", "(" * 199,
        "__import__('os').system('true')", "q.real", "q[0]", "q if p else q", "q*" * 150 + "q",
    ],
)  # fmt: skip
def test_anything_else_is_refused_and_never_run(text):
    with pytest.raises(ValueError, match="formula must be of q and p with numbers as factors.* got "):
        parse(text)


def test_constants_are_from_left_to_right_and_have_gradients():
    formula = parse("2*cos(3*q) + 4*p")
    assert formula.constants() == [2, 3, 4]
    assert str(formula.with_constants([5, -6, -7])) == "5.0*cos(-6.0*q) - 7.0*p"
    constants, states = torch.tensor([2.0, 3.0, 4.0], requires_grad=True), torch.tensor([[0.1, 0.7]])
    formula.values(states, constants).sum().backward()
    torch.testing.assert_close(constants.grad, torch.tensor([math.cos(0.3), -0.2 * math.sin(0.3), 0.7]))
