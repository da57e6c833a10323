"""Training of cells: the agenda of a search, its trials in Ray Tune, their cost, and metrics for operators.

Imports the packages up to :mod:`tune.planning`.
"""
