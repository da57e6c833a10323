"""Velocity fields: tiles as Arrow, and windows of their frames."""
