"""The code of the commands: searches, measures, work with existing studies, the doctor's checks.

Imports every other package of :mod:`tune`.
"""
