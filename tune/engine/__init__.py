"""How cells are trained: trials in Ray Tune, rounds of them, what they cost, and what operators see.

Imports the packages up to :mod:`tune.planning`.
"""
