"""The code of the commands: searches, measures, loading of best models, the doctor's checks.

Imports every other package of :mod:`tune`.
"""
