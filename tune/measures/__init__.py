"""What is measured of trained cells beside their test metric; :mod:`tune.measures.registry` names every measure.

Imports the packages up to :mod:`tune.engine`.
"""
