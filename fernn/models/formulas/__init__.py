"""Formulas of a state's position q and momentum p: their language, all short ones, and those that data conserves.

``tree`` is a formula as text and as numbers; ``grammar`` generates all up to a size as a ``table`` that evaluates them
side by side, typed by units where these are asked for; ``screening`` ranks them by how little they vary along
trajectories.
Source: Alet et al., "Noether Networks: Meta-Learning Useful Conserved Quantities", NeurIPS 2021, scientific data.
"""

from fernn.models.formulas.grammar import Units
from fernn.models.formulas.screening import Ranked, best_formulas, rounded
from fernn.models.formulas.tree import Formula, parse

__all__ = ["Formula", "Ranked", "Units", "best_formulas", "parse", "rounded"]
