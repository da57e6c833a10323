"""What people read: tables, figures, the report, the reproducibility card, lists and comparisons of studies.

Imports the packages up to :mod:`tune.measures`.
"""
