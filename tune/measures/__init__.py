"""What is measured of trained cells beside their test metric: velocity, length, quality of frames.

Imports the packages up to :mod:`tune.engine`.
"""
