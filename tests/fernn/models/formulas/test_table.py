"""Many formulas side by side: each has the numbers of its tree, and a shared part is there once."""

import numpy as np
import torch

from fernn.models.formulas.grammar import families
from fernn.models.formulas.table import Block, FormulaTable


def index(*numbers):
    return np.array(numbers, dtype=np.int64)


def test_formulas_have_the_numbers_of_their_trees():
    table, states = families("none", 5).table, torch.randn(9, 2, dtype=torch.float64)
    values = table.values(states, torch.full((len(table.rows),), -1.7, dtype=torch.float64))
    assert values.shape == (len(table.rows), 9)
    for number, row in enumerate(values):
        tree = table.tree(number)
        torch.testing.assert_close(
            row, tree.values(states, torch.full((len(tree.constants()),), -1.7, dtype=torch.float64))
        )


def test_parts_are_numbered_before_what_has_them_and_constants_are_by_number():
    table = FormulaTable((Block("cos", index(0), index(0)), Block("scaled", index(2, 1), index(2, 1)),
                          Block("+", index(1), index(3))))  # fmt: skip
    assert [str(table.tree(number)) for number in range(6)] == [
        "q", "p", "cos(q)", "1.0*cos(q)", "1.0*p", "p + 1.0*cos(q)",
    ]  # fmt: skip
    values = table.values(torch.tensor([[0.0, 2.0]]), torch.arange(6.0))
    assert values[:, 0].tolist() == [0, 2, 1, 3, 8, 5]
