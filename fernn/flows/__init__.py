"""Families of flows by name; symmetries of velocity fields stand in :mod:`fernn.flows.field_symmetries`."""

from fernn.flows.flow import Flow
from fernn.flows.rotation import RotationFlow
from fernn.flows.translation import TranslationFlow

FLOWS: dict[str, type] = {"translation": TranslationFlow, "rotation": RotationFlow}

__all__ = ["FLOWS", "Flow", "RotationFlow", "TranslationFlow"]
