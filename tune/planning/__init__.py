"""Planning of a search: its options, its cells and data, checks before it starts, and which cells are trained next.

Imports :mod:`tune.core`, :mod:`tune.services` and :mod:`tune.analysis`.
"""
