"""What a search will do: options, the plan, its checks, and which cells come next.

Imports :mod:`tune.core`, :mod:`tune.services` and :mod:`tune.analysis`.
"""
