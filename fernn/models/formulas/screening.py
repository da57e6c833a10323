"""The formulas that trajectories conserve best: those of whose variance the least share is within trajectories.

Source: Alet et al., "Noether Networks", NeurIPS 2021, which prunes its formulas on data before it trains with them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from fernn.models.formulas.grammar import Families, Units, families
from fernn.models.formulas.tree import SCALED, Formula

TRIED = tuple(sign * size for size in (1.0, 0.4, 2.5) for sign in (1, -1))
"""Values at which the constants inside a formula are tried, all alike; they are fitted from the best one."""
FITTED = 100
"""How many of the best formulas are fitted and compared."""
STEPS, DIGITS = 30, 3
"""Steps of a fit, and the significant digits of its constants."""
LEAST = 0.03
"""The least deviation of a term beside that of the other: below it a shorter formula says the same."""
ALIKE = 1 - 1e-5
"""The correlation from which on two fitted formulas are one."""


@dataclass(frozen=True)
class Ranked:
    """A formula with fitted constants, and the share of its variance that is within trajectories, from 0 to 1."""

    formula: Formula
    share: float


def best_formulas(states: Tensor, units: Units = "none", size: int = 7, count: int = 20) -> tuple[Ranked, ...]:
    """The ``count`` formulas of up to ``size`` that trajectories (n, t, 2) of q and p conserve best, the best first."""
    states = states.double()
    starts = _starts(families(units, size), states.float())
    formulas = [rounded(fitted(formula, states)) for formula in starts]
    ranked = [Ranked(formula, share_within(formula.of(states)).item()) for formula in formulas]
    return _distinct(sorted(ranked, key=lambda entry: entry.share), states)[:count]


def share_within(values: Tensor) -> Tensor:
    """The variance within trajectories as a share of the whole variance, (...) of numbers (..., n, t)."""
    within = values.var(dim=-1, correction=0).mean(dim=-1)
    return within / values.flatten(-2).var(dim=-1, correction=0)


def least_share(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """The least share within trajectories of first + c * second, and c, (k,) each of numbers (k, n, t).

    A generalised eigenvalue of the covariances within trajectories and of all. Where one of the two counts for next to
    nothing, so that a shorter formula says the same, the share is 1.
    """
    pair = torch.stack([first, second], dim=1).double()
    centred = pair - pair.mean(dim=(-2, -1), keepdim=True)
    deviations = centred.square().mean(dim=(-2, -1), keepdim=True).sqrt().clamp(min=torch.finfo(pair.dtype).tiny)
    centred = centred / deviations
    within = (centred - centred.mean(dim=-1, keepdim=True)).flatten(2)
    whole = centred.flatten(2)
    root = torch.linalg.cholesky(whole @ whole.mT + 1e-9 * whole.shape[-1] * torch.eye(2).to(whole))
    inverse = torch.linalg.inv(root)
    shares, vectors = torch.linalg.eigh(inverse @ (within @ within.mT) @ inverse.mT)
    weights = (inverse.mT @ vectors)[..., 0]
    is_short = weights.abs().amin(dim=1) < LEAST * weights.abs().amax(dim=1)
    weights = weights / deviations[..., 0, 0]
    return torch.where(is_short, 1.0, shares[:, 0]), weights[:, 1] / weights[:, 0]


def fitted(formula: Formula, states: Tensor) -> Formula:
    """The formula with the constants of which trajectories (n, t, 2) have the least share, from its own on."""
    if not formula.constants():
        return formula
    constants = torch.tensor(formula.constants(), dtype=states.dtype, requires_grad=True)
    optimizer = torch.optim.LBFGS([constants], max_iter=STEPS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        share = share_within(formula.values(states, constants))
        share.backward()
        return share

    optimizer.step(loss)
    return formula.with_constants(constants.tolist())


def rounded(formula: Formula) -> Formula:
    """The formula with constants of three digits."""
    return formula.with_constants([float(f"{constant:.{DIGITS}g}") for constant in formula.constants()])


def _starts(found: Families, states: Tensor) -> list[Formula]:
    """The best of all families, at the best of the tried constants."""
    pairs = torch.from_numpy(found.added >= 0)
    shares, factors = [], []
    for constant in TRIED:
        first, second = _terms(found, states, constant)
        share, factor = share_within(first).double(), torch.zeros(len(first), dtype=torch.float64)
        share[pairs], factor[pairs] = least_share(first[pairs], second[pairs])
        shares.append(share.nan_to_num(1.0, posinf=1.0))
        factors.append(factor)
    least, which = torch.stack(shares).min(dim=0)
    return [
        _formula(found, place, TRIED[which[place]], factors[which[place]][place].item())
        for place in least.argsort(stable=True)[:FITTED].tolist()
    ]


def _terms(found: Families, states: Tensor, constant: float) -> tuple[Tensor, Tensor]:
    """The numbers (k, n, t) of both terms of all families; the second is 0 where there is none."""
    flat = states.flatten(0, 1)
    values = found.table.values(flat, torch.full((len(found.table.rows),), constant, dtype=flat.dtype))
    values[~values.isfinite().all(dim=1)] = 0.0  # of a quotient whose divisor is next to nothing
    values = torch.cat([values, torch.zeros(1, len(flat), dtype=flat.dtype)])  # the last is number -1
    first, second = (values[numbers].unflatten(1, states.shape[:2]) for numbers in (found.base, found.added))
    return first, second


def _formula(found: Families, place: int, constant: float, factor: float) -> Formula:
    """A family's formula; of two terms the one with the smaller weight has none."""
    first, second = (found.table.tree(numbers[place]) for numbers in (found.base, found.added))
    first = first.with_constants([constant] * len(first.constants()))
    if found.added[place] < 0:
        return first
    second = second.with_constants([constant] * len(second.constants()))
    if abs(factor) < 1:
        first, second, factor = second, first, 1 / factor
    return Formula("+", (first, Formula(SCALED, (second,), factor)))


def _distinct(ranked: Sequence[Ranked], states: Tensor) -> tuple[Ranked, ...]:
    """Without those whose numbers are, but for a factor and an offset, those of a better one."""
    kept: list[tuple[Ranked, Tensor]] = []
    for entry in ranked:
        values = entry.formula.of(states).flatten()
        unit = torch.nn.functional.normalize(values - values.mean(), dim=0)
        if all((unit @ other).abs() < ALIKE for _, other in kept):
            kept.append((entry, unit))
    return tuple(entry for entry, _ in kept)
