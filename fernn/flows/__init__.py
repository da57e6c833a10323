"""Families of flows; symmetries of velocity fields stand in :mod:`fernn.flows.field_symmetries`."""

from fernn.flows.flow import Flow
from fernn.flows.rotation import RotationFlow
from fernn.flows.translation import TranslationFlow

__all__ = ["Flow", "RotationFlow", "TranslationFlow"]
