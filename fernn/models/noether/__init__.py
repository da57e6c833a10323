"""Noether Networks: predictions that are tailored to each sample, so that a quantity is conserved along them.

``quantities`` has the quantities that are conserved, ``tailoring`` the inner steps, ``network`` a network that is
trained through them; ``video`` and ``states`` are such networks, ``svg`` is the backbone of the former. ``predictor``
tailors any other trained predictor of frames.
Source: Alet et al., "Noether Networks: Meta-Learning Useful Conserved Quantities", NeurIPS 2021.
"""

from fernn.models.noether.network import TailoredNetwork
from fernn.models.noether.states import StateConfig, StateNetwork
from fernn.models.noether.tailoring import InnerSteps
from fernn.models.noether.video import NoetherConfig, NoetherNetwork

__all__ = ["InnerSteps", "NoetherConfig", "NoetherNetwork", "StateConfig", "StateNetwork", "TailoredNetwork"]
