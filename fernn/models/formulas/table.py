"""Many formulas as one table, evaluated side by side: a part that several share is there, and is evaluated, once."""

from dataclasses import dataclass
from functools import cached_property
from itertools import chain, repeat
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fernn.models.formulas.tree import BINARY, INPUTS, SCALED, UNARY, Formula

Index = NDArray[np.int64]


class Block(NamedTuple):
    """Formulas with one operator, by the numbers of their parts; one of a single part has it twice."""

    operator: str
    left: Index
    right: Index

    def values(self, values: Tensor, constants: Tensor) -> Tensor:
        """Their numbers (n, m) from those of all formulas before them; ``constants`` (n, 1) are for "scaled"."""
        first = values[self.left]
        if self.operator == SCALED:
            return constants * first
        one = UNARY.get(self.operator)
        return BINARY[self.operator](first, values[self.right]) if one is None else one(first)


@dataclass(frozen=True)
class FormulaTable:
    """Formulas by number: q is 0, p is 1, then those of the blocks, whose parts come before them."""

    blocks: tuple[Block, ...]

    def values(self, states: Tensor, constants: Tensor) -> Tensor:
        """The numbers (n, m) that states (m, 2) get from all n formulas; ``constants`` (n,) has those of "scaled"."""
        values = states.T
        for block in self.blocks:
            own = constants[len(values) : len(values) + len(block.left), None]
            values = torch.cat([values, block.values(values, own)])
        return values

    @cached_property
    def rows(self) -> list[tuple[str, int, int]]:
        """The operator of each formula and the numbers of its parts."""
        rows = (zip(repeat(operator), left.tolist(), right.tolist()) for operator, left, right in self.blocks)
        return [*((name, -1, -1) for name in INPUTS), *chain.from_iterable(rows)]

    def tree(self, number: int) -> Formula:
        """A formula as a tree; its constants are 1."""
        operator, left, right = self.rows[number]
        numbers = () if operator in INPUTS else (left, right) if operator in BINARY else (left,)
        return Formula(operator, tuple(map(self.tree, numbers)))
