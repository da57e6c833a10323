"""Training of cells: trials in Ray Tune, rounds of trials, their cost, and metrics for operators.

Imports the packages up to :mod:`tune.planning`.
"""
