"""Noether Networks: predictions that are tailored to each sample, so that a quantity is conserved along them.

``quantities`` has the quantities that are conserved, ``tailoring`` the inner steps, a network that is trained through
them, and any other predictor with them; ``video`` and ``states`` are such networks. ``derivatives`` has those of small
systems that predict derivatives, as published.
Source: Alet et al., "Noether Networks: Meta-Learning Useful Conserved Quantities", NeurIPS 2021.
"""

from fernn.models.noether.derivatives import DerivativeConfig, DerivativeNetwork
from fernn.models.noether.states import FormulaQuantity, StateConfig, StateNetwork, SymbolicConfig
from fernn.models.noether.tailoring import InnerSteps, TailoredNetwork
from fernn.models.noether.video import NoetherNetwork
from fernn.models.noether.video_config import NoetherConfig

__all__ = [
    "DerivativeConfig", "DerivativeNetwork", "FormulaQuantity", "InnerSteps", "NoetherConfig", "NoetherNetwork",
    "StateConfig", "StateNetwork", "SymbolicConfig", "TailoredNetwork",
]  # fmt: skip
