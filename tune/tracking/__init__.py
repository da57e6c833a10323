"""MLflow and Optuna as views of a study: what the driver ships to them.

Imports the packages up to :mod:`tune.reporting`.
"""
