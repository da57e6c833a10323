"""Families of flows, by name."""

from fernn.flows.flow import Flow
from fernn.flows.translation import TranslationFlow

FLOWS: dict[str, type] = {"translation": TranslationFlow}

__all__ = ["FLOWS", "Flow", "TranslationFlow"]
