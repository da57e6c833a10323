"""The study, its cells and its folder, from which everything else is derived.

Imports no other package of :mod:`tune`, and neither Ray, Optuna nor MLflow.
"""
