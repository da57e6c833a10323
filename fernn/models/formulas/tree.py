"""A formula as a frozen tree, as text that reads back, and as the numbers that it gives states."""

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import isfinite

import torch
from torch import Tensor

MOST_CHARACTERS = 200
"""The longest text of a formula."""
INPUTS = ("q", "p")
UNARY: dict[str, Callable[[Tensor], Tensor]] = {"square": torch.square, "sin": torch.sin, "cos": torch.cos}
BINARY: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "+": torch.add, "-": torch.sub, "*": torch.mul, "/": torch.div,
}  # fmt: skip
SCALED = "scaled"
"""The operator of a constant times its part."""
SIGNS: dict[str, ast.operator] = {"+": ast.Add(), "-": ast.Sub(), "*": ast.Mult(), "/": ast.Div()}


@dataclass(frozen=True)
class Formula:
    """An operator and its parts: "q" and "p" have none; "scaled" is ``constant`` times its part."""

    operator: str
    parts: tuple["Formula", ...] = ()
    constant: float = 1.0

    def constants(self) -> list[float]:
        """The constants from left to right."""
        own = [self.constant] if self.operator == SCALED else []
        return own + [constant for part in self.parts for constant in part.constants()]

    def with_constants(self, constants: Sequence[float]) -> "Formula":
        """The formula with these constants, from left to right."""
        return self._filled(iter(constants))

    def _filled(self, constants: Iterator[float]) -> "Formula":
        own = next(constants) if self.operator == SCALED else self.constant
        return replace(self, constant=own, parts=tuple(part._filled(constants) for part in self.parts))

    def values(self, states: Tensor, constants: Tensor) -> Tensor:
        """What states (..., 2), q and p, have (...), with the constants (c,) from left to right."""
        q, p = states.unbind(dim=-1)
        return self._values(q, p, iter(constants.unbind()))

    def of(self, states: Tensor) -> Tensor:
        """What states (..., 2) have (...), with the formula's own constants."""
        return self.values(states, states.new_tensor(self.constants()))

    def _values(self, q: Tensor, p: Tensor, constants: Iterator[Tensor]) -> Tensor:
        if not self.parts:
            return q if self.operator == "q" else p
        factor = next(constants) if self.operator == SCALED else None
        first, *others = (part._values(q, p, constants) for part in self.parts)
        if factor is not None:
            return factor * first
        return BINARY[self.operator](first, *others) if others else UNARY[self.operator](first)

    def __str__(self) -> str:
        """The text that :func:`parse` reads, as "p**2 - 2.99*cos(q)"."""
        return ast.unparse(self._node()).replace(" ** ", "**").replace(" * ", "*")

    def _node(self) -> ast.expr:
        nodes = [part._node() for part in self.parts]
        if self.operator in ("+", "-") and self.parts[1].operator == SCALED and self.parts[1].constant < 0:
            turned = replace(self.parts[1], constant=-self.parts[1].constant)
            return ast.BinOp(nodes[0], SIGNS["-" if self.operator == "+" else "+"], turned._node())
        match self.operator:
            case "q" | "p" as name:
                return ast.Name(name)
            case "sin" | "cos" as name:
                return ast.Call(ast.Name(name), nodes, [])
            case "square":
                return ast.BinOp(nodes[0], ast.Pow(), ast.Constant(2))
            case "scaled":
                return ast.BinOp(ast.Constant(float(f"{self.constant:.12g}")), ast.Mult(), nodes[0])
            case operator:
                return ast.BinOp(nodes[0], SIGNS[operator], nodes[1])


def parse(text: str) -> Formula:
    """The formula of a text in Python's notation; raises ValueError for any other text.

    It may have q, p, numbers as factors, +, -, *, /, **2, sin and cos. A number times a part that is subtracted is its
    negative added, since constants are to be learned: "p**2 - 3*cos(q)" has the constant -3.
    """
    rule = f"q and p with numbers as factors, +, -, *, /, **2, sin and cos, in {MOST_CHARACTERS} characters or fewer"
    try:
        if len(text) > MOST_CHARACTERS:
            raise ValueError
        return _formula(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise ValueError(f"formula must be of {rule}, as p**2 - 3*cos(q), got {text!r:.240}") from None


def _formula(node: ast.expr) -> Formula:
    match node:
        case ast.Name("q" | "p" as name):
            return Formula(name)
        case ast.UnaryOp(ast.USub(), inner):
            return _scaled(_formula(inner), -1.0)
        case ast.Call(ast.Name("sin" | "cos" as name), [argument], []):
            return Formula(name, (_formula(argument),))
        case ast.BinOp(left, ast.Pow(), ast.Constant(2)):
            return Formula("square", (_formula(left),))
        case ast.BinOp(left, ast.Add(), right):
            return Formula("+", (_formula(left), _formula(right)))
        case ast.BinOp(left, ast.Sub(), right):
            return _difference(_formula(left), _formula(right))
        case ast.BinOp(left, ast.Mult(), right):
            factor = _number(left)
            return (
                Formula("*", (_formula(left), _formula(right))) if factor is None else _scaled(_formula(right), factor)
            )
        case ast.BinOp(left, ast.Div(), right):
            return Formula("/", (_formula(left), _formula(right)))
    raise ValueError


def _number(node: ast.expr) -> float | None:
    match node:
        case ast.UnaryOp(ast.USub(), inner):
            number = _number(inner)
            return None if number is None else -number
        case ast.Constant(int() | float() as value) if type(value) is not bool and isfinite(value):
            return float(value)
    return None


def _difference(first: Formula, second: Formula) -> Formula:
    return Formula("+", (first, _scaled(second, -1.0))) if second.operator == SCALED else Formula("-", (first, second))


def _scaled(part: Formula, factor: float) -> Formula:
    """The factor times a part; a part that is a constant times another takes it."""
    if part.operator == SCALED:
        return replace(part, constant=factor * part.constant)
    return Formula(SCALED, (part,), factor)
