"""Rayleigh-Benard convection: published fields, and fields solved for here, to Arrow."""
