"""Services that a search uses beside Ray: databases and MLflow servers, with checks and repairs.

Imports :mod:`tune.core`.
"""
