"""A study's numbers: from stored predictions to means, intervals, tests and published values.

Imports :mod:`tune.core`.
"""
