"""What a study is, and its folder: the truth that everything else is a view of.

Imports nothing of :mod:`tune`; of Ray, Optuna and MLflow nothing.
"""
