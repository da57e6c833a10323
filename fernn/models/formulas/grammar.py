"""All formulas up to a size, each once, typed by units where these are asked for.

The size is the number of operators, inputs and constants: "p**2 - 3*cos(q)" has 7. Constants are factors, and every one
is to be learned. Random states tell formulas apart: two whose numbers agree on all of them are one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from fernn.models.formulas.table import Block, FormulaTable, Index
from fernn.models.formulas.tree import INPUTS, SCALED
from fernn.seeding import generator

Units = Literal["none", "angle", "length"]
"""What q is. "angle" and "length": the terms of a sum have one unit, unless a constant brings it; sin and cos take
angles, which numbers of q are where it is one. "none": anything goes."""
NUM_POINTS, WIDEST, DIGITS = 24, 2.5, 9
"""Random states, the largest of their numbers, and the decimals that must agree."""
ANGLE = (1, 0)
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Families:
    """Formulas that differ by more than a factor, an offset and the value of the constant of their last term.

    Each is the formula numbered ``base``; where ``added`` is not -1, with a constant times that formula added.
    """

    table: FormulaTable
    base: Index
    added: Index


@cache
def families(units: Units = "none", size: int = 7) -> Families:
    """All of up to ``size``, the shortest of each; the same on every machine."""
    pool = _Pool()
    for grown in range(2, size + 1):
        for block, powers in _candidates(pool, units, grown):
            pool.add(block, powers, grown)
    numbers = np.flatnonzero(~pool.is_scaled)
    ends = pool.ends_scaled[numbers]
    base = np.where(ends, pool.left[numbers], numbers)
    added = np.where(ends, pool.left[pool.right[numbers]], -1)
    kept = _distinct(pool.values, base, added)
    return Families(FormulaTable(tuple(pool.blocks)), base[kept], added[kept])


class _Pool:
    """The formulas so far, by number: what each is, and its numbers on the random states."""

    def __init__(self) -> None:
        count = len(INPUTS)
        self.blocks: list[Block] = []
        self.values = generator("formulas", "states").uniform(-WIDEST, WIDEST, (count, NUM_POINTS))
        self.left, self.right = np.full(count, -1), np.full(count, -1)
        self.sizes, self.powers = np.ones(count, int), np.eye(count, dtype=int)
        self.is_scaled, self.ends_scaled = np.zeros(count, bool), np.zeros(count, bool)
        self.seen = {_key(row) for row in self.values}

    def add(self, block: Block, powers: Index, size: int) -> None:
        """Add those of a block's formulas that are new; every constant has a random value of its own."""
        constants = generator("formulas", "constants", size).uniform(0.5, 2, (len(block.left), 1))
        values = block.values(torch.from_numpy(self.values), torch.from_numpy(constants)).numpy()
        kept = np.array([number for number, row in enumerate(values) if self._is_new(row)], int)
        operator, left, right = block.operator, block.left[kept], block.right[kept]
        self.blocks.append(Block(operator, left, right))
        self.ends_scaled = np.append(self.ends_scaled, self.is_scaled[right] & (operator == "+"))
        self.is_scaled = np.append(self.is_scaled, np.full(len(kept), operator == SCALED))
        self.values = np.concatenate([self.values, values[kept]])
        self.left, self.right = np.append(self.left, left), np.append(self.right, right)
        self.sizes = np.append(self.sizes, np.full(len(kept), size))
        self.powers = np.concatenate([self.powers, powers[kept]])

    def _is_new(self, row: Values) -> bool:
        """Whether the numbers are neither all alike nor there already."""
        known = len(self.seen)
        self.seen.add(_key(row))
        return len(self.seen) > known and bool(np.ptp(row) > 10.0**-DIGITS)


def _key(row: Values) -> bytes:
    return (row.round(DIGITS) + 0.0).tobytes()  # -0 is 0


def _candidates(pool: _Pool, units: Units, size: int) -> Iterator[tuple[Block, Index]]:
    """The formulas of that size by operator, and their units: the powers (n, 2) of those of q and p.

    Nothing is lost by this: of a sum the term with a constant is the last one, and is added; of what commutes, and of
    a difference, the part with the lower number comes first; no factor, quotient or square begins with a constant.
    """
    powers, is_scaled = pool.powers, pool.is_scaled
    inner, scaled = np.flatnonzero(pool.sizes == size - 1), np.flatnonzero((pool.sizes == size - 2) & ~is_scaled)
    plain, angles = inner[~is_scaled[inner]], inner[_are_angles(powers[inner], units)]
    left, right = _pairs(pool, size - 1)
    yield Block("square", plain, plain), 2 * powers[plain]
    yield Block("sin", angles, angles), 0 * powers[angles]
    yield Block("cos", angles, angles), 0 * powers[angles]
    yield Block(SCALED, scaled, scaled), powers[scaled]
    plain_pairs = ~is_scaled[left] & ~is_scaled[right]
    yield Block("/", left[plain_pairs], right[plain_pairs]), powers[left[plain_pairs]] - powers[right[plain_pairs]]
    fits = (left < right) & plain_pairs
    yield Block("*", left[fits], right[fits]), powers[left[fits]] + powers[right[fits]]
    alike = is_scaled[right] | (powers[left] == powers[right]).all(axis=1) | (units == "none")
    alike &= ~is_scaled[left] & ~pool.ends_scaled[left] & ~pool.ends_scaled[right]
    added = alike & (is_scaled[right] | (left <= right))
    yield Block("+", left[added], right[added]), powers[left[added]]
    yield Block("-", left[alike & fits], right[alike & fits]), powers[left[alike & fits]]


def _are_angles(powers: Index, units: Units) -> NDArray[np.bool_]:
    if units == "angle":
        return (powers == ANGLE).all(axis=1)
    return np.full(len(powers), units == "none")


def _pairs(pool: _Pool, size: int) -> tuple[Index, Index]:
    """Every two formulas whose sizes add up to ``size``."""
    of_size = [np.flatnonzero(pool.sizes == part) for part in range(size)]
    pairs = [np.stack(np.meshgrid(of_size[part], of_size[size - part])).reshape(2, -1) for part in range(1, size)]
    left, right = np.concatenate([np.zeros((2, 0), int), *pairs], axis=1)
    return left, right


def _distinct(values: Values, base: Index, added: Index) -> Index:
    """The first of all families with the same span: the projection of a fixed vector on it tells spans apart."""
    centred = values - values.mean(axis=1, keepdims=True)
    first = centred[base] / np.linalg.norm(centred[base], axis=1, keepdims=True)
    second = np.where(added[:, None] < 0, 0, centred[added])
    rest = second - (second * first).sum(axis=1, keepdims=True) * first
    norm, whole = (np.linalg.norm(rows, axis=1, keepdims=True) for rows in (rest, second))
    second = np.divide(rest, norm, out=np.zeros_like(rest), where=norm > 1e-6 * whole)
    vector = generator("formulas", "projection").standard_normal(NUM_POINTS)
    projected = (first @ vector)[:, None] * first + (second @ vector)[:, None] * second
    return np.sort(np.unique(projected.round(6) + 0.0, axis=0, return_index=True)[1])
