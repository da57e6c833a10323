"""What the commands share: searching, evaluating, looking after studies, the doctor's checks.

Imports every other package of :mod:`tune`.
"""
